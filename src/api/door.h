/* api/door.h - what the two doors of standard WebRTC clients share: WHIP (whip.c) takes a publisher's picture, WHEP (whep.c) gives a session's to a player. Either takes an SDP offer by POST and
 * answers 201 with the answer and the Location of what has come of it, which takes candidates by PATCH and ends by DELETE.
 *
 * Pages of any origin may use them, so every answer allows them; the token in the header is what counts. Those of VCR_CORS_ORIGINS are allowed already (cors.c), and a browser takes no
 * header twice.
 * Threads  all of it on the loop. */
#pragma once
#include "api/internal.h"

#define DOOR_SDP "application/sdp"
#define DOOR_FRAGMENT "application/trickle-ice-sdpfrag"

void door_allow_origins(struct api_call *c);
/* Whether the step before went well; answers when not. */
bool door_admits(struct api_call *c);
/* Whether the body is of that type; answers when not. */
bool door_takes_type(struct api_call *c, const char *want);
/* Whether the If-Match of a PATCH, when there is one, holds; answers when not. whose: "the publisher's". */
bool door_etag_holds(struct api_call *c, const char *id, const char *whose);
/* 201: what came of the offer is at location; its ETag is its id. */
void door_created(struct api_call *c, const char *location, const char *id, const char *answer);
/* OPTIONS of the door (methods "GET, HEAD, POST, OPTIONS"), or of what came of an offer. */
void door_options(struct api_call *c, bool is_resource, const char *methods);
