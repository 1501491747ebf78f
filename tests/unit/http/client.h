/* tests/unit/http/client.h - a plain client for the server's tests: raw bytes in, raw bytes out. Nothing waits longer than PATIENCE_MS. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { PATIENCE_MS = 60000 };
/* A connection to "127.0.0.1:port"; receive_bytes > 0 sets a small receive buffer. */
int client_connect(const char *address, int receive_bytes);
/* false: the connection is broken. */
bool client_put(int fd, const void *bytes, size_t len);
void client_puts(int fd, const char *text);
/* Reads until the end of the connection (or a reset); returns the length, text is NUL-terminated. */
size_t client_read_all(int fd, char *text, size_t size);
/* Reads until text holds `until`; false when the connection ends first. */
bool client_read_until(int fd, char *text, size_t size, const char *until);
/* One exchange on a new connection, read to its end. The status, 0 without an answer. */
int client_ask(const char *address, const char *request, size_t len, char *text, size_t size);
int client_status(const char *text);
const char *client_body(const char *text);
