/* base/clock.h - the two clocks, and RFC 3339 text.
 *
 * clock_mono_us is CLOCK_MONOTONIC: the same in every process of one machine, so that vcrd and vcr-render agree where a tape is.
 * Pure modules (deck, signal, wire) never call these: time is their argument. Threads: any. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* since 1970-01-01 UTC */

/* "2026-11-22T12:00:00.000Z"; valid for years 0..9999, else clamped. */
#define CLOCK_RFC3339_BYTES 25
void clock_rfc3339(char out[CLOCK_RFC3339_BYTES], int64_t wall_ms);
/* Strict RFC 3339 date-time with offset or Z; fractions beyond milliseconds are cut. */
bool clock_parse_rfc3339(const char *s, int64_t *ret_wall_ms);
/* Days since 1970-01-01 of a civil date (proleptic Gregorian), month 1..12. */
int64_t clock_days_from_civil(int year, int month, int day);
int clock_days_in_month(int year, int month);
