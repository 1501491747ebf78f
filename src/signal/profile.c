/* signal/profile.c - the built-in looks. Sources: IEC 774-1 figures as quoted by public references for bandwidths (3.0 MHz is 240 lines); what is marked
 * estimated lies in the range that deck data sheets give, and awaits a capture to be fitted to. */
#include <string.h>

#include "signal/signal.h"

static const struct signal_profile profiles[] = {
    {
        .name = "family", /* a cassette that was played on birthdays, on a deck of its age */
        .luma_mtf_khz = 2800,         /* 3.0 MHz is the format (sourced), less some wear (estimated) */
        .chroma_comb = 1, .chroma_bandwidth_khz = 380,  /* 300..500 sourced */
        .chroma_delay_ns = 300,       /* 200..600 estimated */
        .noise_luma_db10 = 455,       /* weighted; SP 43..46 estimated */
        .noise_chroma_db10 = 385,     /* estimated */
        .noise_chroma_am_db10 = 340, .noise_chroma_pm_mdeg = 1600, /* estimated */
        .peaking_db10 = 40,           /* estimated: the sharpness control in its middle */
        .jitter_field_ns = 300, .jitter_line_ns = 22,         /* 10..40 estimated */
        .headswitch = 1, .headswitch_step_ns = 4200,   /* 0.2..10 us estimated */
        .dropout_per_minute = 30,     /* 5..300 estimated */
        .dropout_compensator = true,
        .capstan_error_ppm = 6200,    /* 0.18 % WRMS; SP 0.15..0.2 estimated */
        .hiss_db10 = 440,             /* SP mono 43..46 estimated */
        .buzz_db10 = 580,             /* estimated */
        .linear_high_hz = 10000,      /* sourced */
        .audio_track = SIGNAL_TRACK_LINEAR,
        .hifi_click_db10 = 640, .hifi_noise_db10 = 460, /* estimated; heard where the track is set to hifi */
    },
    {
        .name = "good", /* a well kept tape on a late Hi-Fi deck */
        .luma_mtf_khz = 3000, .chroma_comb = 1, .chroma_bandwidth_khz = 430, .chroma_delay_ns = 200, .noise_luma_db10 = 475, .noise_chroma_db10 = 420,
        .noise_chroma_am_db10 = 390, .noise_chroma_pm_mdeg = 900,
        .peaking_db10 = 35, .jitter_field_ns = 150, .jitter_line_ns = 11, .headswitch = 1, .headswitch_step_ns = 1200, .dropout_per_minute = 8, .dropout_compensator = true,
        .capstan_error_ppm = 5200, .hiss_db10 = 460, .buzz_db10 = 660, .linear_high_hz = 10500,
        .audio_track = SIGNAL_TRACK_AUTO, .hifi_click_db10 = 720, .hifi_noise_db10 = 500,
    },
    {
        .name = "rental", /* the two hundredth Saturday night; all estimated, the compensator tired as well */
        .luma_mtf_khz = 2500, .chroma_comb = 1, .chroma_bandwidth_khz = 340, .chroma_delay_ns = 450, .noise_luma_db10 = 420, .noise_chroma_db10 = 350,
        .noise_chroma_am_db10 = 290, .noise_chroma_pm_mdeg = 2800,
        .peaking_db10 = 55, .jitter_field_ns = 700, .jitter_line_ns = 38, .headswitch = 1, .headswitch_step_ns = 7800, .dropout_per_minute = 220, .dropout_compensator = false,
        .capstan_error_ppm = 8600, .hiss_db10 = 410, .buzz_db10 = 500, .linear_high_hz = 8500,
        .audio_track = SIGNAL_TRACK_LINEAR, .hifi_click_db10 = 560, .hifi_noise_db10 = 420,
    },
};

const struct signal_profile *signal_profile_at(int n)
{
    return n >= 0 && n < (int)(sizeof(profiles) / sizeof(profiles[0])) ? &profiles[n] : NULL;
}

const struct signal_profile *signal_profile_by_name(const char *name)
{
    if (!strcmp(name, "vhs"))
        return &profiles[0];
    for (int i = 0; signal_profile_at(i); i++)
        if (!strcmp(profiles[i].name, name))
            return &profiles[i];
    return NULL;
}
