-- Blobs that nothing refers to any more, by prefix, until their bytes are gone.

CREATE TABLE blob_trash (
  id @ID@,
  prefix TEXT NOT NULL
);
