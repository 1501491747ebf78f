/* media/ingest/demo_draw.h - the pictures and sounds of the demo films. PURE: place and time in, colour or pressure out. */
#pragma once

struct rgb { float r, g, b; };
/* x from 0 to 4, y from 0 to 3; t in seconds. */
typedef struct rgb (*demo_shade)(float x, float y, double t);
/* -1..1 at t seconds. */
typedef float (*demo_sound)(double t);

struct rgb demo_bars(float x, float y, double t);
struct rgb demo_leader(float x, float y, double t);
struct rgb demo_scene(float x, float y, double t);
struct rgb demo_train(float x, float y, double t);
float demo_tone(double t);
float demo_pips(double t);
float demo_chords(double t);
