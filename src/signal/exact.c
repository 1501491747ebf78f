/* signal/exact.c - see exact.h. */
#include "signal/exact.h"

#include <float.h>
#include <math.h>

#include "base/util.h"

_Static_assert(FLT_EVAL_METHOD == 0, "a double is a double, not something longer");

double exact_sin(double turns)
{
    double t = turns - floor(turns); /* 0..1 */
    t = t > 0.75 ? t - 1 : t > 0.25 ? 0.5 - t : t;
    double x = 2 * M_PI * t, x2 = x * x, sum = 0;
    for (int k = 21; k > 1; k -= 2)
        sum = (1 - sum) * x2 / (k * (k - 1));
    return x * (1 - sum);
}

double exact_cos(double turns) { return exact_sin(turns + 0.25); }

double exact_exp2(double x)
{
    double whole = floor(x + 0.5), y = (x - whole) * M_LN2, sum = 1;
    for (int k = 14; k > 0; k--)
        sum = 1 + sum * y / k;
    return ldexp(sum, (int)whole);
}

double exact_log2(double x)
{
    int e;
    double m = frexp(x, &e); /* 0.5..1 */
    if (m < M_SQRT1_2) {
        m *= 2;
        e--;
    }
    double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
    for (int k = 21; k > 0; k -= 2)
        sum = sum * s2 + 1.0 / k;
    return e + 2 * s * sum / M_LN2;
}

double exact_db(double db) { return exact_exp2(db * (3.32192809488736235 / 20)); }
