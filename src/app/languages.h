/* app/languages.h - how languages are called in players' menus. */
#pragma once

/* Of a language tag ("pt-BR"), in that language itself; NULL: we have no name for it. */
const char *language_name(const char *tag);
