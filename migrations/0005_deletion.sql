-- main.db, version 5: jobs can be deleted.  What hangs on one goes with it, and must be found.

CREATE INDEX job_label_by_job ON job_label (job);
CREATE INDEX idempotency_by_job ON idempotency (job);
