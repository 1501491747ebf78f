/* tests/unit/api/fake_sessions.h - stands in for the session library. */
#pragma once
#include "session/session.h"
struct sessions *fake_sessions(void);
