/*
 * What a crash leaves behind, as a start: a folder with a dataset and a field, a job that was
 * running, another that was running and was to be canceled, logs that no checkpoint has emptied,
 * and garbage of each kind (an upload, a file and a blob without rows).
 */
#ifndef TESTS_HARNESS_REMAINS_H
#define TESTS_HARNESS_REMAINS_H

#include "tests/harness/ledger.h"

/* Make FOLDER/data so, and note in the ledger what is in it.  Asserts (cmocka).  The first call
 * makes one by running the service; all are copies of it. */
void remains_lay_out(const char *folder, struct ledger *ledger);

/* At the end. */
void remains_remove(void);

#endif
