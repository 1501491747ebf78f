/* wire/fmp4_internal.h - what the writer and the reader of fragments agree on. */
#pragma once

enum { TRUN_FLAGS = 0xf01 /* data offset; per sample duration, size, flags, composition offset */, RECORD_BYTES = 16, TFHD_BASE_MOOF = 0x20000 };
