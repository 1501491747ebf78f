/* tests/unit/api/test_hls_routes.c - HLS from outside: a real server, reels of made-up bytes, and those who may not have them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "app/hls.h"
#include "base/clock.h"
#include "kit.h"
#include "wire/reelidx.h"

enum { FRAGMENTS = 12, FRAGMENT_BYTES = 1000, INIT_BYTES = 100, REEL_BYTES = INIT_BYTES + FRAGMENTS * FRAGMENT_BYTES };
static struct kit kit;
static char owner[1200], other[1200], admin[1200];
static long long tape;

/* ---- a tape with reels ---- */
static void put_blob(const char *key, const void *bytes, size_t len)
{
    struct blob_writer *w = NULL;
    char sha[65];
    uint64_t size;
    assert_int_equal(blob_begin(kit.blobs, key, &w, NULL), VCR_OK);
    assert_int_equal(blob_write(w, bytes, len, NULL), VCR_OK);
    assert_int_equal(blob_commit(&w, sha, &size, NULL), VCR_OK);
}

static void put_reel(const char *folder, const char *name, bool video)
{
    struct reelidx x = { .codec = video ? 0 : 1, .timescale = 48000, .bandwidth_bps = 9000, .average_bps = 8000, .init_size = INIT_BYTES, .fragment_count = FRAGMENTS,
                         .sample_count = FRAGMENTS * 30, .duration_us = FRAGMENTS * 1000000, .channels = video ? 0 : 2 };
    struct reelidx_fragment fragments[FRAGMENTS];
    uint8_t bytes[REEL_BYTES];
    char key[120];
    struct buf b;
    vcr_strcpy(x.codecs, sizeof(x.codecs), video ? "avc1.42c01f" : "mp4a.40.2");
    if (video)
        x.width = 720, x.height = 480, x.sar_num = 8, x.sar_den = 9;
    for (uint32_t i = 0; i < FRAGMENTS; i++)
        fragments[i] = (struct reelidx_fragment){ .offset = INIT_BYTES + i * FRAGMENT_BYTES, .size = FRAGMENT_BYTES, .start_us = i * 1000000, .duration_us = 1000000,
                                                  .first_sample = i * 30, .sample_count = 30, .key_size = 300 };
    x.fragments = fragments;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * (video ? 7 : 11) + i / 256);
    buf_init(&b, 1 << 20);
    reelidx_write(&b, &x);
    snprintf(key, sizeof(key), "%s/%s.idx", folder, name);
    put_blob(key, b.data, b.len);
    snprintf(key, sizeof(key), "%s/%s.mp4", folder, name);
    put_blob(key, bytes, sizeof(bytes));
    buf_free(&b);
}

static long long make_tape(const char *token)
{
    struct answer a = ask(&kit, token, "POST", "/api/v1/tapes", "{\"title\":\"x\"}");
    assert_int_equal(a.status, 201);
    long long id = int_at(&a, "id");
    answer_free(&a);
    return id;
}

/* What processing leaves behind. */
static void process(long long id, int job, bool sound)
{
    char folder[80];
    snprintf(folder, sizeof(folder), "tapes/%lld/r%d", id, job);
    kit_sql(&kit, "DELETE FROM reels WHERE tape_id = %lld", id);
    for (int i = 0; i < (sound ? 2 : 1); i++) {
        const char *name = i == 0 ? "clean" : "audio";
        put_reel(folder, name, i == 0);
        kit_sql(&kit, "INSERT INTO reels (tape_id, kind, blob_key, index_key, size_bytes, duration_us) VALUES (%lld, 'clean_%s', '%s/%s.mp4', '%s/%s.idx', %d, 12000000)", id,
            i == 0 ? "video" : "audio", folder, name, folder, name, REEL_BYTES);
    }
    kit_sql(&kit, "UPDATE tapes SET status = 'ready', duration_us = 12000000 WHERE id = %lld", id);
}

static int open_all(void **state)
{
    kit_open(&kit, NULL);
    sign_up(&kit, "admin@x.org", admin);
    sign_up(&kit, "owner@x.org", owner);
    sign_up(&kit, "other@x.org", other);
    tape = make_tape(owner);
    process(tape, 1, true);
    return 0;
}

static int close_all(void **state)
{
    kit_close(&kit);
    return 0;
}

/* ---- asking ---- */
static struct answer get(const char *token, const char *headers, const char *fmt, ...)
{
    char path[400], lines[1600];
    int n = snprintf(path, sizeof(path), "/api/v1/hls/");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(path + n, sizeof(path) - (size_t)n, fmt, ap);
    va_end(ap);
    snprintf(lines, sizeof(lines), "%s%s%s%s", token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "", headers ? headers : "");
    return ask_raw(&kit, "GET", path, lines, NULL, 0);
}

static void expect(struct answer a, int status, const char *slug)
{
    if (a.status != status)
        fail_msg("%d instead of %d: %s", a.status, status, a.body);
    if (slug)
        assert_non_null(strstr(text_at(&a, "type"), slug));
    answer_free(&a);
}

static void header_is(const struct answer *a, const char *name, const char *value)
{
    char found[200];
    assert_true(head_value(a, name, found, sizeof(found)));
    assert_string_equal(found, value);
}

static void make_token(long long id, const char *body, char ret[APP_HLS_TOKEN_BYTES])
{
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/hls/%lld/token", id);
    struct answer a = ask(&kit, owner, "POST", path, body);
    assert_int_equal(a.status, 201);
    assert_true(vcr_strcpy(ret, APP_HLS_TOKEN_BYTES, text_at(&a, "token")));
    answer_free(&a);
}

/* The address after `mark` up to `end`. */
static void cut(const char *text, const char *mark, char end, char *out, size_t size)
{
    const char *p = strstr(text, mark);
    assert_non_null(p);
    p += strlen(mark);
    snprintf(out, size, "%.*s", (int)(strchr(p, end) - p), p);
}

/* ---- tests ---- */
static void an_account_gets_playlists_and_ranges(void **state)
{
    char uri[120], etag[80], line[160];
    struct answer a = get(owner, NULL, "%lld/playlist.m3u8", tape);
    assert_int_equal(a.status, 200);
    header_is(&a, "Content-Type", "application/vnd.apple.mpegurl");
    header_is(&a, "Cache-Control", "private, no-cache");
    assert_true(head_value(&a, "ETag", etag, sizeof(etag)));
    assert_non_null(strstr(a.body, "CODECS=\"avc1.42c01f,mp4a.40.2\",RESOLUTION=640x480,FRAME-RATE=30.000"));
    assert_non_null(strstr(a.body, "\nvideo.m3u8\n"));
    answer_free(&a);
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", etag);
    a = get(owner, line, "%lld/playlist.m3u8?look=clean", tape);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.len, 0);
    answer_free(&a);
    expect(get(owner, NULL, "%lld/audio.m3u8", tape), 200, NULL);
    expect(get(owner, NULL, "%lld/iframe.m3u8", tape), 200, NULL);
    for (int again = 0; again < 2; again++) { /* the second time from the cache */
        a = get(owner, NULL, "%lld/video.m3u8", tape);
        assert_int_equal(a.status, 200);
        assert_memory_equal(a.body, "#EXTM3U\n", 8);
        assert_non_null(strstr(a.body, "#EXTINF:5.000000,\n#EXT-X-BYTERANGE:5000@100\n"));
        assert_string_equal(a.body + a.len - 16, "\n#EXT-X-ENDLIST\n");
        cut(a.body, "#EXT-X-MAP:URI=\"", '"', uri, sizeof(uri));
        answer_free(&a);
    }
    a = get(owner, "Range: bytes=100-1099\r\n", "%lld/%s", tape, uri);
    assert_int_equal(a.status, 206);
    assert_int_equal(a.len, 1000);
    for (size_t i = 0; i < a.len; i++)
        assert_int_equal((uint8_t)a.body[i], (uint8_t)((i + 100) * 7 + (i + 100) / 256));
    header_is(&a, "Content-Type", "video/mp4");
    header_is(&a, "Cache-Control", "private, max-age=604800, immutable");
    assert_true(head_value(&a, "ETag", etag, sizeof(etag)));
    answer_free(&a);
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", etag);
    expect(get(owner, line, "%lld/%s", tape, uri), 304, NULL);
    expect(get(owner, "Range: bytes=12100-\r\n", "%lld/%s", tape, uri), 416, NULL);
    a = get(owner, NULL, "%lld/audio.mp4", tape);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.len, REEL_BYTES);
    header_is(&a, "Cache-Control", "private, no-cache"); /* without a version: other bytes some day */
    answer_free(&a);
}

static void a_token_opens_everything_below_its_path(void **state)
{
    char path[80], url[200], uri[160], token[APP_HLS_TOKEN_BYTES];
    snprintf(path, sizeof(path), "/api/v1/hls/%lld/token", tape);
    struct answer a = ask(&kit, owner, "POST", path, NULL);
    assert_int_equal(a.status, 201);
    vcr_strcpy(url, sizeof(url), text_at(&a, "url"));
    vcr_strcpy(token, sizeof(token), text_at(&a, "token"));
    assert_int_equal(strlen(text_at(&a, "expires_at")), 24);
    answer_free(&a);
    a = ask(&kit, NULL, "GET", url, NULL);
    assert_int_equal(a.status, 200);
    snprintf(uri, sizeof(uri), "\nt/%s/video.m3u8\n", token);
    assert_non_null(strstr(a.body, uri));
    assert_null(strstr(a.body, "\"audio.m3u8"));
    answer_free(&a);
    a = get(NULL, NULL, "%lld/t/%s/playlist.m3u8", tape, token);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, token)); /* one body serves all */
    assert_non_null(strstr(a.body, "\nvideo.m3u8\n"));
    answer_free(&a);
    a = get(NULL, NULL, "%lld/t/%s/video.m3u8", tape, token);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, token));
    cut(a.body, "#EXT-X-MAP:URI=\"", '"', uri, sizeof(uri));
    answer_free(&a);
    a = get(NULL, "Range: bytes=0-3\r\n", "%lld/t/%s/%s", tape, token, uri);
    assert_int_equal(a.status, 206);
    header_is(&a, "Content-Range", "bytes 0-3/12100");
    header_is(&a, "Cache-Control", "private, max-age=604800, immutable");
    answer_free(&a);
    expect(get(NULL, NULL, "%lld/t/%s/audio.m3u8", tape, token), 200, NULL);
    expect(get(NULL, NULL, "%lld/t/%s/iframe.m3u8", tape, token), 200, NULL);
    expect(get(NULL, NULL, "%lld/t/%s/audio.mp4", tape, token), 200, NULL);
    expect(get(NULL, NULL, "%lld/playlist.m3u8?token=%s&look=sepia", tape, token), 422, NULL);
    expect(get(NULL, NULL, "%lld/playlist.m3u8?token=%s&look=vhs", tape, token), 409, "/not-rendered");
}

static void bad_tokens_open_nothing(void **state)
{
    char token[APP_HLS_TOKEN_BYTES], bad[APP_HLS_TOKEN_BYTES];
    long long second = make_tape(owner);
    process(second, 2, true);
    make_token(tape, "{\"expires_in\":60}", token);
    expect(get(NULL, NULL, "%lld/t/%s/video.mp4", tape, token), 200, NULL);
    expect(get(NULL, NULL, "%lld/t/%s/video.mp4", second, token), 403, NULL);
    expect(get(NULL, NULL, "%lld/playlist.m3u8?token=%s", second, token), 403, NULL);
    for (size_t i = 0; i < strlen(token); i += 3) {
        strcpy(bad, token);
        bad[i] = bad[i] == 'x' ? 'y' : 'x';
        expect(get(NULL, NULL, "%lld/t/%s/video.m3u8", tape, bad), 403, NULL);
    }
    bad[20] = '\0';
    expect(get(NULL, NULL, "%lld/t/%s/video.m3u8", tape, bad), 403, NULL);
    expect(get(NULL, NULL, "%lld/playlist.m3u8?token=", tape), 403, NULL);
    app_hls_token(kit.app, tape, 2, clock_wall_ms() - 1, bad);
    expect(get(NULL, NULL, "%lld/t/%s/video.mp4", tape, bad), 403, "/token-expired");
    app_hls_token(kit.app, tape, 2, clock_wall_ms() + 60000, bad);
    expect(get(NULL, NULL, "%lld/t/%s/video.mp4", tape, bad), 200, NULL);
    expect(get(NULL, NULL, "%lld/playlist.m3u8?token=%s", 999999LL, token), 403, NULL);
}

static void who_may_not_see_it_does_not(void **state)
{
    static const char *const names[] = { "playlist.m3u8", "video.m3u8", "audio.m3u8", "iframe.m3u8", "video.mp4", "audio.mp4" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        expect(get(NULL, NULL, "%lld/%s", tape, names[i]), 401, NULL);
        expect(get("nonsense", NULL, "%lld/%s", tape, names[i]), 401, NULL);
        expect(get(other, NULL, "%lld/%s", tape, names[i]), 404, NULL);
        expect(get(owner, NULL, "%d/%s", 999999, names[i]), 404, NULL);
        expect(get(owner, NULL, "x1/%s", names[i]), 404, NULL);
        expect(get(admin, NULL, "%lld/%s", tape, names[i]), 200, NULL);
    }
    char path[80];
    snprintf(path, sizeof(path), "/api/v1/hls/%lld/token", tape);
    assert_int_equal(ask_status(&kit, NULL, "POST", path, "{}"), 401);
    assert_int_equal(ask_status(&kit, other, "POST", path, "{}"), 404);
    assert_int_equal(ask_status(&kit, owner, "POST", path, "{\"expires_in\":0}"), 422);
    assert_int_equal(ask_status(&kit, owner, "POST", path, "{\"expires_in\":86401}"), 422);
    assert_int_equal(ask_status(&kit, owner, "POST", path, "{\"expires_in\":86400}"), 201);
    expect(get(other, NULL, "%lld/playlist.m3u8?look=sepia", tape), 404, NULL);
    expect(get(owner, NULL, "%lld/playlist.m3u8?look=sepia", tape), 422, NULL);
    expect(get(owner, NULL, "%lld/playlist.m3u8?look=vhs", tape), 409, "/not-rendered");
    expect(get(NULL, NULL, "%lld/playlist.m3u8?look=sepia", tape), 401, NULL);
}

static void tapes_without_a_film_conflict(void **state)
{
    static const char *const statuses[] = { "blank", "uploading", "processing", "failed" };
    char token[APP_HLS_TOKEN_BYTES];
    long long id = make_tape(owner);
    make_token(id, "{}", token);
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        kit_sql(&kit, "UPDATE tapes SET status = '%s' WHERE id = %lld", statuses[i], id);
        expect(get(owner, NULL, "%lld/playlist.m3u8", id), 409, "/tape-not-ready");
        expect(get(owner, NULL, "%lld/video.mp4", id), 409, "/tape-not-ready");
        expect(get(NULL, NULL, "%lld/playlist.m3u8?token=%s", id, token), 409, "/tape-not-ready");
    }
    process(id, 3, false);
    struct answer a = get(owner, NULL, "%lld/playlist.m3u8", id);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, "AUDIO"));
    answer_free(&a);
    expect(get(owner, NULL, "%lld/audio.m3u8", id), 404, NULL);
    expect(get(owner, NULL, "%lld/audio.mp4", id), 404, NULL);
}

/* Asks again until the status is there, for at most the two seconds in which it must be (and some, for a slow machine). */
static void becomes(int status, const char *path)
{
    int64_t until = clock_mono_us() + 20000000;
    int got;
    do
        got = ask_status(&kit, NULL, "GET", path, NULL);
    while (got != status && clock_mono_us() < until);
    assert_int_equal(got, status);
}

static void a_token_ends_with_the_tape_and_with_its_maker(void **state)
{
    char token[APP_HLS_TOKEN_BYTES], path[200], tape_path[80];
    make_token(tape, "{}", token);
    snprintf(path, sizeof(path), "/api/v1/hls/%lld/t/%s/video.mp4", tape, token);
    snprintf(tape_path, sizeof(tape_path), "/api/v1/tapes/%lld", tape);
    assert_int_equal(ask_status(&kit, NULL, "GET", path, NULL), 200);
    kit_sql(&kit, "UPDATE users SET disabled = TRUE WHERE email = 'owner@x.org'");
    becomes(403, path);
    kit_sql(&kit, "UPDATE users SET disabled = FALSE WHERE email = 'owner@x.org'");
    becomes(200, path);
    assert_int_equal(ask_status(&kit, owner, "DELETE", tape_path, NULL), 204);
    becomes(404, path);
}

static void a_tape_processed_anew_has_new_addresses(void **state)
{
    char old_uri[120], new_uri[120];
    struct answer a = get(owner, NULL, "%lld/video.m3u8", tape);
    cut(a.body, "#EXT-X-MAP:URI=\"", '"', old_uri, sizeof(old_uri));
    answer_free(&a);
    process(tape, 9, true);
    a = get(owner, NULL, "%lld/video.m3u8", tape);
    cut(a.body, "#EXT-X-MAP:URI=\"", '"', new_uri, sizeof(new_uri));
    answer_free(&a);
    assert_string_not_equal(old_uri, new_uri);
    expect(get(owner, NULL, "%lld/%s", tape, old_uri), 404, NULL);
    expect(get(owner, NULL, "%lld/%s", tape, new_uri), 200, NULL);
}

/* Asks for a list as it is and compressed. */
static void lists_are_kept_compressed(void **state)
{
    char token[APP_HLS_TOKEN_BYTES], plain[80], packed[80], line[160], back[20000];
    make_token(tape, "{}", token);
    for (int again = 0; again < 2; again++) {
        struct answer a = get(NULL, NULL, "%lld/t/%s/video.m3u8", tape, token), z = get(NULL, "Accept-Encoding: br;q=1.0, gzip;q=0.5\r\n", "%lld/t/%s/video.m3u8", tape, token);
        header_is(&a, "Vary", "Accept-Encoding");
        header_is(&z, "Vary", "Accept-Encoding");
        header_is(&z, "Content-Encoding", "gzip");
        header_is(&z, "Cache-Control", "private, no-cache");
        assert_false(head_value(&a, "Content-Encoding", plain, sizeof(plain)));
        assert_true(head_value(&a, "ETag", plain, sizeof(plain)) && head_value(&z, "ETag", packed, sizeof(packed)));
        assert_string_not_equal(plain, packed);
        assert_true(z.len < a.len);
        z_stream s = { .next_in = (unsigned char *)z.body, .avail_in = (unsigned)z.len, .next_out = (unsigned char *)back, .avail_out = sizeof(back) };
        assert_int_equal(inflateInit2(&s, 15 + 16), Z_OK);
        assert_int_equal(inflate(&s, Z_FINISH), Z_STREAM_END);
        inflateEnd(&s);
        assert_int_equal(s.total_out, a.len);
        assert_memory_equal(back, a.body, a.len);
        answer_free(&a);
        answer_free(&z);
    }
    snprintf(line, sizeof(line), "Accept-Encoding: gzip\r\nIf-None-Match: \"x\", %s\r\n", packed);
    expect(get(NULL, line, "%lld/t/%s/video.m3u8", tape, token), 304, NULL);
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", plain);
    expect(get(NULL, line, "%lld/t/%s/video.m3u8", tape, token), 304, NULL);
    struct answer a = get(NULL, "Accept-Encoding: gzip;q=0, *\r\n", "%lld/t/%s/video.m3u8", tape, token);
    assert_false(head_value(&a, "Content-Encoding", plain, sizeof(plain)));
    answer_free(&a);
}

static void a_token_is_also_a_cookie(void **state)
{
    char token[APP_HLS_TOKEN_BYTES], path[80], line[1500], cookie[400];
    snprintf(path, sizeof(path), "/api/v1/hls/%lld/token", tape);
    struct answer a = ask(&kit, owner, "POST", path, "{\"cookie\":true,\"expires_in\":60}");
    assert_int_equal(a.status, 201);
    vcr_strcpy(token, sizeof(token), text_at(&a, "token"));
    assert_true(head_value(&a, "Set-Cookie", cookie, sizeof(cookie)));
    snprintf(line, sizeof(line), "vcr_hls=%s; Path=/api/v1/hls/%lld; Max-Age=60; HttpOnly; SameSite=Strict", token, tape);
    assert_string_equal(cookie, line);
    answer_free(&a);
    a = ask(&kit, owner, "POST", path, "{\"cookie\":false}");
    assert_false(head_value(&a, "Set-Cookie", cookie, sizeof(cookie)));
    answer_free(&a);
    snprintf(line, sizeof(line), "Cookie: vcr_hls=%s\r\n", token);
    a = get(NULL, line, "%lld/playlist.m3u8", tape);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, token)); /* the cookie goes along by itself */
    answer_free(&a);
    expect(get(NULL, line, "%lld/video.m3u8", tape), 200, NULL);
    expect(get(NULL, line, "%lld/audio.mp4", tape), 200, NULL);
    long long second = make_tape(owner);
    process(second, 2, true);
    expect(get(NULL, line, "%lld/video.m3u8", second), 403, NULL);
    expect(get(owner, line, "%lld/video.m3u8", second), 200, NULL); /* a header counts for more */
    snprintf(line, sizeof(line), "Cookie: vcr_hls=%s; vcr_access=%s\r\n", token, owner);
    expect(get(NULL, line, "%lld/video.m3u8", second), 200, NULL);
    expect(get(NULL, "Cookie: vcr_hls=x\r\n", "%lld/video.m3u8", tape), 403, NULL);
}

static void more_sounds_captions_and_the_hour(void **state)
{
    char path[120], uri[160];
    kit_sql(&kit, "INSERT INTO reels (tape_id, kind, track, language, title, blob_key, index_key, size_bytes, duration_us)"
        " SELECT tape_id, kind, 1, 'de', NULL, blob_key, index_key, size_bytes, duration_us FROM reels WHERE tape_id = %lld AND kind = 'clean_audio'", tape);
    kit_sql(&kit, "UPDATE tapes SET recorded_at = '1991-11-27T14:00:00+02:00' WHERE id = %lld", tape);
    snprintf(path, sizeof(path), "/api/v1/tapes/%lld/captions/pt-br", tape);
    expect(ask_raw(&kit, "PUT", path, NULL, "WEBVTT", 6), 401, NULL);
    static const char text[] = "WEBVTT\n\n00:01.000 --> 00:02.000\nOla";
    char header[1300];
    snprintf(header, sizeof(header), "Authorization: Bearer %s\r\nContent-Type: text/vtt\r\n", owner);
    struct answer a = ask_raw(&kit, "PUT", path, header, text, sizeof(text) - 1);
    assert_int_equal(a.status, 201);
    answer_free(&a);
    a = get(owner, NULL, "%lld/playlist.m3u8", tape);
    assert_non_null(strstr(a.body, "LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=NO,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio/1.m3u8\"\n"));
    assert_non_null(strstr(a.body, "TYPE=SUBTITLES,GROUP-ID=\"captions\",LANGUAGE=\"pt-BR\",NAME=\"pt-BR\",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"captions/pt-BR.m3u8\"\n"));
    assert_non_null(strstr(a.body, ",SUBTITLES=\"captions\"\nvideo.m3u8\n"));
    answer_free(&a);
    a = get(owner, NULL, "%lld/video.m3u8", tape);
    assert_non_null(strstr(a.body, "\n#EXT-X-PROGRAM-DATE-TIME:1991-11-27T12:00:00.000Z\n#EXTINF:"));
    answer_free(&a);
    a = get(owner, NULL, "%lld/audio/1.m3u8", tape);
    assert_int_equal(a.status, 200);
    cut(a.body, "#EXT-X-MAP:URI=\"", '"', uri, sizeof(uri));
    answer_free(&a);
    assert_memory_equal(uri, "1.mp4?v=", 8);
    a = get(owner, "Range: bytes=0-3\r\n", "%lld/audio/%s", tape, uri);
    assert_int_equal(a.status, 206);
    header_is(&a, "Content-Type", "audio/mp4");
    header_is(&a, "Cache-Control", "private, max-age=604800, immutable");
    answer_free(&a);
    static const char *const none[] = { "audio/2.m3u8", "audio/0.mp4", "audio/1.m4s", "audio/1", "captions/en.m3u8", "captions/pt-BR.srt", "captions/..m3u8", "captions/pt-BR.vtt?v=1" };
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        expect(get(owner, NULL, "%lld/%s", tape, none[i]), 404, NULL);
    a = get(owner, NULL, "%lld/captions/pt-BR.m3u8", tape);
    assert_int_equal(a.status, 200);
    cut(a.body, "#EXTINF:12.000000,\n", '\n', uri, sizeof(uri));
    answer_free(&a);
    for (int again = 0; again < 2; again++) {
        a = get(owner, NULL, "%lld/captions/%s", tape, uri);
        assert_int_equal(a.status, 200);
        header_is(&a, "Content-Type", "text/vtt; charset=utf-8");
        header_is(&a, "Cache-Control", "private, max-age=604800, immutable");
        assert_string_equal(a.body, "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n\n00:01.000 --> 00:02.000\nOla");
        answer_free(&a);
    }
    kit_sql(&kit, "UPDATE tapes SET recorded_at = '1991-11-27' WHERE id = %lld", tape);
    a = get(owner, NULL, "%lld/video.m3u8", tape);
    assert_null(strstr(a.body, "PROGRAM-DATE-TIME"));
    answer_free(&a);
}

static void the_manifest_is_there_for_accounts_and_tokens(void **state)
{
    char token[APP_HLS_TOKEN_BYTES], base[120];
    make_token(tape, "{}", token);
    struct answer a = get(owner, NULL, "%lld/manifest.mpd", tape);
    assert_int_equal(a.status, 200);
    header_is(&a, "Content-Type", "application/dash+xml");
    assert_null(strstr(a.body, "<BaseURL>"));
    assert_non_null(strstr(a.body, "mediaRange=\"100-5099\""));
    answer_free(&a);
    a = get(NULL, NULL, "%lld/manifest.mpd?token=%s", tape, token);
    snprintf(base, sizeof(base), "<BaseURL>t/%s/</BaseURL>", token);
    assert_non_null(strstr(a.body, base));
    answer_free(&a);
    a = get(NULL, NULL, "%lld/t/%s/manifest.mpd", tape, token);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, token));
    answer_free(&a);
    expect(get(NULL, NULL, "%lld/manifest.mpd", tape), 401, NULL);
    expect(get(other, NULL, "%lld/manifest.mpd", tape), 404, NULL);
}

/* What is held in memory is true for as long as nothing is written; what is written ends it within two seconds, also while a player goes on asking. */
static void a_playing_token_notices_the_end(void **state)
{
    char token[APP_HLS_TOKEN_BYTES], path[200];
    make_token(tape, "{}", token);
    snprintf(path, sizeof(path), "/api/v1/hls/%lld/t/%s/video.mp4", tape, token);
    assert_int_equal(ask_status(&kit, NULL, "HEAD", path, NULL), 200);
    kit_sql(&kit, "UPDATE tapes SET trashed_at = 1 WHERE id = %lld", tape);
    int64_t ended_us = clock_mono_us();
    while (ask_status(&kit, NULL, "HEAD", path, NULL) == 200)
        assert_true(clock_mono_us() - ended_us < 20000000);
    assert_int_equal(ask_status(&kit, NULL, "HEAD", path, NULL), 404);
    kit_sql(&kit, "UPDATE tapes SET trashed_at = NULL WHERE id = %lld", tape);
    becomes(200, path);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_all, close_all)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_account_gets_playlists_and_ranges), CASE(a_token_opens_everything_below_its_path), CASE(bad_tokens_open_nothing),
        CASE(who_may_not_see_it_does_not),          CASE(tapes_without_a_film_conflict),           CASE(a_token_ends_with_the_tape_and_with_its_maker),
        CASE(a_tape_processed_anew_has_new_addresses), CASE(lists_are_kept_compressed), CASE(a_token_is_also_a_cookie),
        CASE(more_sounds_captions_and_the_hour), CASE(the_manifest_is_there_for_accounts_and_tokens), CASE(a_playing_token_notices_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
