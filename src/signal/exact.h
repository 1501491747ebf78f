/* signal/exact.h - sine, power and logarithm that are the same to the last bit on every machine: plain additions, multiplications and divisions of doubles
 * in a fixed order. A C library's own differ between its versions and the processors that it finds. Good to 1e-13. */
#pragma once

double exact_sin(double turns);
double exact_cos(double turns);
double exact_exp2(double x);  /* x within -1000..1000 */
double exact_log2(double x);  /* x > 0, not denormal */
double exact_db(double db);   /* 10^(db / 20) */
