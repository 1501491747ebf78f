/* tests/unit/api/fake_sessions.h - stands in for the session library. */
#pragma once
#include "session/session.h"
struct sessions *fake_sessions(void);
/* The tape that a session was given last; its descriptors are closed. */
struct session_tape fake_last_tape(void);
extern bool fake_full;                     /* session_start is refused */
extern bool fake_crowded;                  /* session_view is refused */
extern struct sessions_counts fake_counts; /* what sessions_counts says */
