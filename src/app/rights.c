/* app/rights.c - see rights.h. */
#include "app/rights.h"

enum { L = 1 << APP_LINK, V = 1 << APP_VIEWER, U = 1 << APP_USER, R = 1 << APP_ARCHIVIST, A = 1 << APP_ADMIN };

/* Who may, by relation: what is others', what is shared with the asker, its own, nobody's (a tape whose owner left: archivists and admins stand in). */
static const struct { unsigned others, shared, mine, nobodys; } table[APP_OBJECTS][APP_ACCESSES] = {
    [APP_A_TAPE] = {
        [APP_SEE]     = { R | A, L | V | U | R | A, V | U | R | A, R | A },
        [APP_INSPECT] = { R | A, R | A,             V | U | R | A, R | A },
        [APP_START]   = { R | A, U | R | A,         U | R | A,     R | A },
        [APP_EDIT]    = { R | A, R | A,             U | R | A,     R | A },
        [APP_OWN]     = { 0,     0,                 U | R | A,     R | A },
    },
    [APP_A_SESSION] = {
        [APP_SEE]     = { A,     L | V | U | R | A, V | U | R | A, A },
        [APP_INSPECT] = { A,     A,                 V | U | R | A, A },
        [APP_USE]     = { A,     V | U | R | A,     V | U | R | A, A },
        [APP_EDIT]    = { A,     A,                 V | U | R | A, A },
    },
    [APP_A_DEVICE] = {
        [APP_SEE]     = { A,     A,                 V | U | R | A, A },
        [APP_EDIT]    = { A,     A,                 V | U | R | A, A },
        [APP_OWN]     = { 0,     0,                 V | U | R | A, 0 },
    },
};

static unsigned may(enum app_object object, enum app_access access, enum app_relation relation)
{
    switch (relation) {
    case APP_OTHERS: return table[object][access].others;
    case APP_SHARED: return table[object][access].shared;
    case APP_MINE: return table[object][access].mine;
    case APP_NOBODYS: return table[object][access].nobodys;
    case APP_RELATIONS: break;
    }
    return 0;
}

static const char *const names[APP_OBJECTS] = { [APP_A_TAPE] = "tape", [APP_A_SESSION] = "session", [APP_A_DEVICE] = "device" };

enum vcr_err app_may(const struct app_principal *who, enum app_object object, enum app_access access, enum app_relation relation, struct vcr_why *why)
{
    unsigned me = 1u << who->role;
    if (may(object, access, relation) & me)
        return VCR_OK;
    if (!(may(object, APP_SEE, relation) & me))
        return vcr_fail(why, VCR_E_NOT_FOUND, "there is no such %s", names[object]);
    if (who->role == APP_LINK)
        return vcr_fail(why, VCR_E_DENIED, "a link only lets its holder watch");
    if (who->role == APP_VIEWER)
        return vcr_fail(why, VCR_E_DENIED, "your role only watches what is shared with it");
    return vcr_fail(why, VCR_E_DENIED, "only the owner of the %s may do this", names[object]);
}

static const struct { unsigned who; const char *text; } here[APP_HERES] = {
    [APP_HERE_WATCH] = { L | V | U | R | A, "" },
    [APP_HERE_LIST] = { V | U | R | A, "a link only lets its holder watch" },
    [APP_HERE_CREATE] = { U | R | A, "your role only watches what is shared with it" },
    [APP_HERE_ADMIN] = { A, "only an admin may do this" },
};

enum vcr_err app_may_here(const struct app_principal *who, enum app_here what, struct vcr_why *why)
{
    return here[what].who & (1u << who->role) ? VCR_OK : vcr_fail(why, VCR_E_DENIED, "%s", here[what].text);
}

bool app_sees_all(const struct app_principal *who, enum app_object object) { return (may(object, APP_SEE, APP_OTHERS) & (1u << who->role)) != 0; }
