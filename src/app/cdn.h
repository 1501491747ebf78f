/* app/cdn.h - addresses on a content delivery network, signed as CloudFront wants them: a custom policy for all below a path, RSA with SHA-1.
 *
 * The key's id is in the file's name, as CloudFront hands it out: "pk-KEYID.pem", or "KEYID.pem".
 * Threads  any; nothing changes after cdn_open. */
#pragma once
#include <stdint.h>

#include "base/buf.h"
#include "base/why.h"

enum { CDN_QUERY_BYTES = 2048 };
struct cdn;
/* Both NULL or "": *ret is NULL. INVALID names the setting that is wrong. */
enum vcr_err cdn_open(struct cdn **ret, const char *url, const char *key_file, struct vcr_why *why);
void cdn_close(struct cdn **c);
/* "https://cdn.example.org", without a slash at its end. */
const char *cdn_url(const struct cdn *c);
/* "Policy=…&Signature=…&Key-Pair-Id=…" for everything below cdn_url + path ("/api/v1/hls/7/t/TOKEN/") until then. The same for the same arguments. */
enum vcr_err cdn_sign(const struct cdn *c, const char *path, int64_t until_s, char ret[CDN_QUERY_BYTES], struct vcr_why *why);
