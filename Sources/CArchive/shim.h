// libarchive, which reads tars, and what of zlib the entries of a zip need.
#pragma once
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// A reader of tars, plain or compressed by gzip or zstd; NULL where there is no memory.
static inline struct archive *byol_tar_reader_new(void) {
  struct archive *archive = archive_read_new();
  if (!archive) return NULL;
  archive_read_support_format_tar(archive);
  archive_read_support_filter_gzip(archive);
  archive_read_support_filter_zstd(archive);
  // Without it, what follows an archive's end mark is dropped without a word.
  archive_read_set_options(archive, "read_concatenated_archives");
  return archive;
}

// A decoder of Deflate (RFC 1951) without zlib's head; NULL where there is no memory. It stays at one address, since
// zlib's state points back at it.
static inline z_stream *byol_inflater_new(void) {
  z_stream *stream = calloc(1, sizeof *stream);
  if (stream && inflateInit2(stream, -MAX_WBITS) != Z_OK) {
    free(stream);
    return NULL;
  }
  return stream;
}

static inline void byol_inflater_free(z_stream *stream) {
  inflateEnd(stream);
  free(stream);
}

// Unpacks from `in_count` bytes into room for `out_count` and sets both to what was taken and written. 1 at the end of
// the stream, 0 before, -1 for bytes that are no Deflate.
static inline int byol_inflate(z_stream *stream, const uint8_t *in, uint32_t *in_count,
                               uint8_t *out, uint32_t *out_count) {
  stream->next_in = (Bytef *)in;
  stream->avail_in = *in_count;
  stream->next_out = out;
  stream->avail_out = *out_count;
  int code = inflate(stream, Z_NO_FLUSH);
  *in_count -= stream->avail_in;
  *out_count -= stream->avail_out;
  // Z_BUF_ERROR: no progress without more input, which the caller may have.
  return code == Z_STREAM_END ? 1 : code == Z_OK || code == Z_BUF_ERROR ? 0 : -1;
}
