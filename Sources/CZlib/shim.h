#include <stddef.h>
#include <stdlib.h>
#include <zlib.h>

typedef int (*byol_coder)(z_stream *stream, int flush);

// Runs deflate or inflate once over two buffers. The counts become the bytes taken from `in` and put into `out`.
static inline int byol_code(z_stream *stream, byol_coder coder, int flush, const unsigned char *in, size_t *in_count,
                            unsigned char *out, size_t *out_count) {
  stream->next_in = (unsigned char *)in;
  stream->avail_in = (unsigned)*in_count;
  stream->next_out = out;
  stream->avail_out = (unsigned)*out_count;
  int result = coder(stream, flush);
  *in_count -= stream->avail_in;
  *out_count -= stream->avail_out;
  return result;
}

static inline int byol_inflate(z_stream *stream, const unsigned char *in, size_t *in_count, unsigned char *out,
                               size_t *out_count) {
  return byol_code(stream, inflate, Z_NO_FLUSH, in, in_count, out, out_count);
}

static inline int byol_deflate(z_stream *stream, int flush, const unsigned char *in, size_t *in_count,
                               unsigned char *out, size_t *out_count) {
  return byol_code(stream, deflate, flush, in, in_count, out, out_count);
}

// Streams of gzip, in each direction; NULL when memory is short.
static inline z_stream *byol_gzip_new(void) {
  z_stream *stream = calloc(1, sizeof *stream);
  if (stream && deflateInit2(stream, 5, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) return stream;
  free(stream);
  return NULL;
}

static inline void byol_gzip_free(z_stream *stream) {
  deflateEnd(stream);
  free(stream);
}

static inline z_stream *byol_gunzip_new(void) {
  z_stream *stream = calloc(1, sizeof *stream);
  if (stream && inflateInit2(stream, 15 + 16) == Z_OK) return stream;
  free(stream);
  return NULL;
}

static inline void byol_gunzip_free(z_stream *stream) {
  inflateEnd(stream);
  free(stream);
}
