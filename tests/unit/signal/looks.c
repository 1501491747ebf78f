/* tests/unit/signal/looks.c - prints every embedded look at every tape speed as initialisers of struct signal_profile, for tests on machines that have no ini reader. */
#include <stdio.h>

#include "signal/settings.h"

_Static_assert(sizeof(struct signal_profile) % sizeof(int32_t) == 0 && offsetof(struct signal_profile, tape_speed) == sizeof(((struct signal_profile *)0)->name),
    "a name, and then nothing but int32_t");

static void print(const struct signal_profile *p, enum signal_standard standard)
{
    const int32_t *amount = &p->tape_speed, *end = (const int32_t *)(p + 1);
    printf("{ %s, %d, { \"%s\"", standard == SIGNAL_PAL ? "SIGNAL_PAL" : "SIGNAL_NTSC", p->tape_speed, p->name);
    for (; amount < end; amount++)
        printf(", %d", *amount);
    printf(" } },\n");
}

int main(void)
{
    const char *name;
    for (int standard = SIGNAL_NTSC; standard <= SIGNAL_PAL; standard++)
        for (int i = 0; (name = signal_profile_name_at(i)); i++)
            for (uint8_t speed = 0; speed < 3; speed++) {
                struct signal_profile p;
                if (signal_profile_load(&p, name, (enum signal_standard)standard, speed, NULL))
                    return 1;
                print(&p, (enum signal_standard)standard);
            }
    return 0;
}
