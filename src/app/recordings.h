/* app/recordings.h - live pictures recorded onto new tapes: the tape's row, its files while they grow, and the tape made ready when they are sealed.
 *
 * Way of one: app_record_tape (transaction) -> app_record_files (file pool) -> programme_record_start takes the files -> its writer thread seals them, and in one
 * transaction the reels are the tape's, it is `ready`, its history says `recorded` and a job `finish` makes the rest. A killed server finds the journal at its next start.
 * Files    tapes/<id>/c1/{clean,audio,opus}.{mp4,idx} and journal, each with ".part" behind it until it is sealed.
 * Threads  as said; the call-backs of the files come on a recorder's thread and block there. */
#pragma once
#include "app/app.h"
#include "deliver/live/recorder.h"

struct app_recording {
    int64_t tape_id, user_id, device_id;
    char session_id[VCR_UUID_BYTES], title[256];
    /* what the picture is: for the tape's facts */
    int width, height, sar_num, sar_den;
    uint32_t frames_per_1000_s;
    bool passed_through;
};
/* A new tape that is being recorded, and the session's. title NULL: the device's name and the date. WRITE transaction. */
enum vcr_err app_record_tape(struct sql_tx *tx, const struct app_principal *who, const char *session_id, int64_t device_id, const char *title, int64_t now_ms,
                             struct app_recording *ret, struct vcr_why *why);
/* Its files; files->arg is a copy of r that the call-backs own and free. Blocks. FULL: there is no room. */
enum vcr_err app_record_files(const struct app *a, const struct app_recording *r, struct recorder_files *ret, struct vcr_why *why);
/* Files that nobody took. */
void app_record_files_close(struct recorder_files *files);
/* Files that were taken by a programme that then refused them: only what their call-backs would have needed is freed. */
void app_record_files_forget(struct recorder_files *files);
/* It did not begin: the tape and its files go again. */
enum vcr_err app_record_undo(struct sql_tx *tx, const char *session_id, int64_t tape_id, struct vcr_why *why);
enum vcr_err app_record_delete(const struct app *a, int64_t tape_id, struct vcr_why *why); /* file pool */
/* At start, before anybody asks: recordings that a kill or a power cut broke off become tapes with what was on the disk, one after the other (app/recover.h). */
enum vcr_err app_record_recover(const struct app *a, struct vcr_why *why);
