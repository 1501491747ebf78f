/* deck/profile.c - the makes of deck that there are. Where no source says otherwise the figures are research/product-hardware.md section 4.1's. */
#include <string.h>

#include "base/util.h"
#include "deck/deck.h"

/* Half-load, late: the tape stays near the heads in stop. */
const struct deck_profile deck_profile_consumer = {
    .name = "consumer",
    .load_us = 2000000,
    .eject_us = 1500000,
    .thread_us = 1200000,
    .rethread_us = 600000,
    .unthread_us = 300000,
    .lock_us = 500000,
    .speed_lock_us = 1000000,
    .search_lock_us = 250000,
    .backspace_us = 1000000,
    .brake_us = 400000,
    .wind_ramp_us = 800000,
    .wind_full_us = 180000000,
    .wind_full_fast_us = 8000000,
    .search = { { 7, 9, 11 }, { 9, 13, 17 }, { 9, 15, 21 } },
    .still_timeout_us = 300000000,
    .record_pause_timeout_us = 300000000,
    .osd_us = 4000000,
    .stop_unthread_us = 300000000,
    .blue_after_us = 1000000,
    .has_index = true,
    .ejects_tabless = true,
};

/* Early: every stop unthreads, one search speed, no index, no blue screen. */
static const struct deck_profile classic = {
    .name = "classic",
    .load_us = 3000000,
    .eject_us = 2500000,
    .thread_us = 2500000,
    .rethread_us = 2500000,
    .lock_us = 800000,
    .speed_lock_us = 1000000,
    .search_lock_us = 500000,
    .backspace_us = 1000000,
    .brake_us = 600000,
    .wind_ramp_us = 2000000,
    .wind_full_us = 180000000,
    .wind_full_fast_us = 10000000,
    .search = { { 7 }, { 9 }, { 9 } },
    .search_sound = 9, /* estimated: early mono decks often let the chatter through */
    .still_timeout_us = 300000000,
    .record_pause_timeout_us = 300000000,
    .osd_us = 4000000,
    .ejects_tabless = true,
    .plays_tabless = true,
};

/* Akai's and Mitsubishi's of 1989: threaded all the time. */
static const struct deck_profile full_load = {
    .name = "full_load",
    .load_us = 1500000,
    .eject_us = 1500000,
    .thread_us = 700000,
    .rethread_us = 300000,
    .lock_us = 300000,
    .speed_lock_us = 1000000,
    .search_lock_us = 150000,
    .backspace_us = 500000,
    .brake_us = 300000,
    .wind_ramp_us = 1000000,
    .wind_full_us = 100000000,
    .wind_full_fast_us = 6000000,
    .search = { { 3, 5, 7, 9 }, { 5, 7, 9, 13 }, { 7, 9, 15, 21 } },
    .still_timeout_us = 300000000,
    .record_pause_timeout_us = 300000000,
    .osd_us = 4000000,
    .stop_unthread_us = 300000000,
    .blue_after_us = 1000000,
    .full_load = true,
    .has_index = true,
    .plays_tabless = true,
};

static const struct deck_profile broadcast = {
    .name = "broadcast",
    .load_us = 1500000,
    .eject_us = 1500000,
    .thread_us = 700000,
    .rethread_us = 300000,
    .lock_us = 200000,
    .speed_lock_us = 1000000,
    .search_lock_us = 100000,
    .backspace_us = 500000,
    .brake_us = 200000,
    .wind_ramp_us = 1000000,
    .wind_full_us = 90000000,
    .wind_full_fast_us = 5000000,
    .search = { { 2, 3, 5, 9, 15, 32 }, { 2, 3, 5, 9, 15, 32 }, { 2, 3, 5, 9, 15, 32 } },
    .search_sound = 10, /* estimated: editors listen while they shuttle */
    .still_timeout_us = 480000000,
    .record_pause_timeout_us = 480000000,
    .osd_us = 4000000,
    .stop_unthread_us = 480000000,
    .full_load = true,
    .has_index = true,
};

const struct deck_profile *deck_profile_by_name(const char *name)
{
    static const struct deck_profile *const all[] = { &classic, &full_load, &deck_profile_consumer, &broadcast };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}
