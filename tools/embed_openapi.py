#!/usr/bin/env python3
"""embed_openapi.py IN OUT - the API's contract (JSON-compatible YAML) as a C array, checked to be JSON."""
import json
import sys

text = json.dumps(json.load(open(sys.argv[1], encoding="utf-8")), separators=(",", ":"), ensure_ascii=False).encode()
with open(sys.argv[2], "w") as out:
    out.write("#include <stddef.h>\nextern const unsigned char api_openapi_json[];\nextern const size_t api_openapi_json_len;\nconst unsigned char api_openapi_json[] = {")
    out.write(",".join(str(b) for b in text))
    out.write("};\nconst size_t api_openapi_json_len = sizeof(api_openapi_json);\n")
