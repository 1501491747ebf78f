/* wire/langtag.h - language tags (BCP 47): are they well-formed, and in their usual case. PURE. */
#pragma once
#include <stdbool.h>

enum { LANGTAG_BYTES = 36 };
/* Copies text in the usual case ("EN-gb" becomes "en-GB"); false when it is not a language with optional script, region, variants, extensions and private use, or
 * longer than 35 characters. The registry of subtags is not asked. */
bool langtag_read(const char *text, char ret[LANGTAG_BYTES]);
