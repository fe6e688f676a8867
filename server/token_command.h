/*
 * `farfield token create|list|revoke`: the tokens of a data folder, from a process of its own.
 *
 *   create [--name NAME]   prints the token, one line on stdout; it is not shown again
 *   list                   one line each, oldest first: id, when it was made, name
 *   revoke ID              or the whole token
 *
 * The folder is --data, else FARFIELD_DATA, else the default of `farfield serve`.
 */
#ifndef SERVER_TOKEN_COMMAND_H
#define SERVER_TOKEN_COMMAND_H

/* argv: the words after `token`.  The exit status: 0; 1 if it failed, 2 if it was asked wrongly. */
int token_command(int argc, char **argv);

#endif
