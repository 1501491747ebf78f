/* cmd/admin.h - what whoever holds the server may do at its terminal: `vcr audit verify`, `vcr user password EMAIL`. Reads the same VCR_* settings as vcrd, which may be running meanwhile. */
#pragma once

/* The words behind `vcr`; returns the exit status: 0, 1 (it failed, or the audit is not whole), 2 (usage). */
int admin_main(int argc, char **argv);
