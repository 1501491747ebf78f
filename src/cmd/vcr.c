/* cmd/vcr.c - main of vcr, the program for a person at a terminal: `vcr dub`, and what an admin does on the server (cmd/admin.h). */
#include <stdio.h>
#include <string.h>

#include "cmd/admin.h"
#include "cmd/dub.h"

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "dub") == 0)
        return dub_main(argc - 2, argv + 2);
    if (argc >= 2 && (strcmp(argv[1], "audit") == 0 || strcmp(argv[1], "user") == 0))
        return admin_main(argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("vcr " VCR_VERSION);
        return 0;
    }
    bool asked = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0);
    fputs("usage: vcr dub IN OUT [options]   plays a film or sound through a video tape into another file; vcr dub --help says how\n"
          "       vcr audit verify           says whether the audit of the server with these VCR_* settings is whole\n"
          "       vcr user password EMAIL    sets an account's password there: for a lost admin\n"
          "       vcr --version\n",
          asked ? stdout : stderr);
    return asked ? 0 : 2;
}
