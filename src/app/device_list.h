/* app/device_list.h - what device_list.c and devices.c share: how a device is called in a stream id, and its passphrase. */
#pragma once
#include "app/devices.h"

/* "device-7", or the whole stream id "#!::r=device-7,m=publish". */
void device_name(int64_t id, char *out, size_t size, bool whole);
void device_passphrase(const struct app *a, int64_t id, const uint8_t salt[APP_DEVICE_SALT_BYTES], char ret[APP_SRT_PASSPHRASE_BYTES]);
