/* tests/unit/signal/arm/stand_in.c - the rest of the stand-in for cmocka. */
#include "cmocka.h"

jmp_buf stand_in_end;

int stand_in_run(const struct CMUnitTest *tests, int n)
{
    volatile int failed = 0;
    printf("1..%d\n", n);
    for (volatile int i = 0; i < n; i++) {
        void *state = tests[i].state;
        int how = setjmp(stand_in_end);
        if (!how)
            tests[i].run(&state);
        failed += how == 1;
        printf("%sok %d - %s%s\n", how == 1 ? "not " : "", i + 1, how == 2 ? "# SKIP " : "", tests[i].name);
        fflush(stdout);
    }
    return failed;
}
