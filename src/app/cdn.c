/* app/cdn.c - see cdn.h. The form of policy, signature and their base64 is that of Amazon's "signed URL using a custom policy". */
#include "app/cdn.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

enum { KEY_BITS_MIN = 1024, SIGNATURE_MAX = 1024, POLICY_BYTES = 600, ID_BYTES = 80 };
struct cdn {
    char *url;
    char key_id[ID_BYTES];
    EVP_PKEY *key;
};

/* http(s)://host[:port][/path], without query, fragment, user, blanks or a slash at the end. */
static bool is_url(const char *url)
{
    const char *host = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (!host || !*host || *host == '/' || url[strlen(url) - 1] == '/' || strlen(url) > 200)
        return false;
    for (const char *p = host; *p; p++)
        if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7F || strchr("?#@\"<>\\^`{|}*", *p))
            return false;
    return true;
}

static bool read_id(struct cdn *c, const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    name += strncmp(name, "pk-", 3) == 0 ? 3 : 0;
    const char *dot = strrchr(name, '.');
    size_t len = dot ? (size_t)(dot - name) : strlen(name);
    if (len == 0 || len >= ID_BYTES || strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") < len)
        return false;
    snprintf(c->key_id, sizeof(c->key_id), "%.*s", (int)len, name);
    return true;
}

static enum vcr_err read_key(struct cdn *c, const char *file, struct vcr_why *why)
{
    FILE *f = fopen(file, "re");
    if (!f)
        return vcr_fail(why, VCR_E_INVALID, "VCR_CDN_KEY_FILE: %s cannot be read", file);
    c->key = PEM_read_PrivateKey(f, NULL, NULL, (void *)(uintptr_t)""); /* no terminal is asked for a password */
    fclose(f);
    if (!c->key || EVP_PKEY_get_base_id(c->key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(c->key) < KEY_BITS_MIN || EVP_PKEY_get_size(c->key) > SIGNATURE_MAX)
        return vcr_fail(why, VCR_E_INVALID, "VCR_CDN_KEY_FILE: %s holds no RSA private key in PEM", file);
    return VCR_OK;
}

enum vcr_err cdn_open(struct cdn **ret, const char *url, const char *key_file, struct vcr_why *why)
{
    bool has_url = url && *url, has_key = key_file && *key_file;
    *ret = NULL;
    if (!has_url && !has_key)
        return VCR_OK;
    if (!has_url)
        return vcr_fail(why, VCR_E_INVALID, "VCR_CDN_URL: not set, but VCR_CDN_KEY_FILE is");
    if (!is_url(url))
        return vcr_fail(why, VCR_E_INVALID, "VCR_CDN_URL: \"%s\" is not an address such as https://cdn.example.org", url);
    if (!has_key)
        return vcr_fail(why, VCR_E_INVALID, "VCR_CDN_KEY_FILE: not set, but VCR_CDN_URL is; addresses there must be signed");
    struct cdn *c = vcr_alloc(sizeof(*c));
    c->url = vcr_strdup(url);
    enum vcr_err err = read_key(c, key_file, why);
    if (err == VCR_OK && !read_id(c, key_file))
        err = vcr_fail(why, VCR_E_INVALID, "VCR_CDN_KEY_FILE: the name of %s must be the key's id, as in pk-K2JCJMDEHXQW5F.pem", key_file);
    if (err == VCR_OK)
        *ret = c;
    else
        cdn_close(&c);
    return err;
}

void cdn_close(struct cdn **cp)
{
    struct cdn *c = *cp;
    if (!c)
        return;
    EVP_PKEY_free(c->key);
    free(c->url);
    free(c);
    *cp = NULL;
}

const char *cdn_url(const struct cdn *c) { return c->url; }

/* Base64 whose '+', '=' and '/' are '-', '_' and '~'. out: 4 * len / 3 + 5 bytes. */
static void encode(char *out, const unsigned char *bytes, size_t len)
{
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
    for (char *p = out; *p; p++)
        *p = *p == '+' ? '-' : *p == '=' ? '_' : *p == '/' ? '~' : *p;
}

enum vcr_err cdn_sign(const struct cdn *c, const char *path, int64_t until_s, char ret[CDN_QUERY_BYTES], struct vcr_why *why)
{
    char policy[POLICY_BYTES], policy64[POLICY_BYTES * 4 / 3 + 8], signature64[SIGNATURE_MAX * 4 / 3 + 8];
    unsigned char signature[SIGNATURE_MAX];
    size_t signature_len = sizeof(signature);
    int len = snprintf(policy, sizeof(policy), "{\"Statement\":[{\"Resource\":\"%s%s*\",\"Condition\":{\"DateLessThan\":{\"AWS:EpochTime\":%" PRId64 "}}}]}", c->url, path, until_s);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md && len < (int)sizeof(policy) && EVP_DigestSignInit(md, NULL, EVP_sha1(), NULL, c->key) == 1 &&
              EVP_DigestSign(md, signature, &signature_len, (const unsigned char *)policy, (size_t)len) == 1;
    EVP_MD_CTX_free(md);
    if (!ok)
        return vcr_fail(why, VCR_E_INTERNAL, "an address for the CDN could not be signed");
    encode(policy64, (const unsigned char *)policy, (size_t)len);
    encode(signature64, signature, signature_len);
    if (snprintf(ret, CDN_QUERY_BYTES, "Policy=%s&Signature=%s&Key-Pair-Id=%s", policy64, signature64, c->key_id) >= CDN_QUERY_BYTES)
        return vcr_fail(why, VCR_E_INTERNAL, "an address for the CDN is too long");
    return VCR_OK;
}
