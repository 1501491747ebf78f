/* app/languages.c - see languages.h. */
#include "app/languages.h"

#include <stddef.h>
#include <string.h>

#include "base/util.h"

static const struct { const char *tag, *name; } names[] = {
    { "ar", "العربية" },  { "bg", "Български" }, { "ca", "Català" },     { "cs", "Čeština" },   { "cy", "Cymraeg" },    { "da", "Dansk" },      { "de", "Deutsch" },
    { "el", "Ελληνικά" }, { "en", "English" },   { "es", "Español" },    { "et", "Eesti" },     { "eu", "Euskara" },    { "fa", "فارسی" },      { "fi", "Suomi" },
    { "fr", "Français" }, { "ga", "Gaeilge" },   { "gl", "Galego" },     { "he", "עברית" },     { "hi", "हिन्दी" },        { "hr", "Hrvatski" },   { "hu", "Magyar" },
    { "id", "Indonesia" }, { "is", "Íslenska" }, { "it", "Italiano" },   { "ja", "日本語" },    { "ko", "한국어" },     { "lt", "Lietuvių" },   { "lv", "Latviešu" },
    { "nb", "Norsk bokmål" }, { "nl", "Nederlands" }, { "nn", "Nynorsk" }, { "no", "Norsk" },   { "pl", "Polski" },     { "pt", "Português" },  { "ro", "Română" },
    { "ru", "Русский" },  { "sk", "Slovenčina" }, { "sl", "Slovenščina" }, { "sr", "Српски" },  { "sv", "Svenska" },    { "th", "ไทย" },         { "tr", "Türkçe" },
    { "uk", "Українська" }, { "vi", "Tiếng Việt" }, { "zh", "中文" },
};

/* A region or a script makes it another one: those are shown by their tags, which differ. */
const char *language_name(const char *tag)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].tag, tag) == 0)
            return names[i].name;
    return NULL;
}
