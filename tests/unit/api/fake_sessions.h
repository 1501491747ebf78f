/* tests/unit/api/fake_sessions.h - stands in for the session library. */
#pragma once
#include "session/session.h"
struct sessions *fake_sessions(void);
/* The tape that a session was given last; its descriptors are closed. */
struct session_tape fake_last_tape(void);
