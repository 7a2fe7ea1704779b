// The gradient of the weights of a 3×3 convolution with stride 1, in bfloat16:
//   dg = Gᵀ [ Σ over tiles of (A dY Aᵀ) ⊙ (Bᵀ d B) ] G.
// This is the transpose of Winograd.hpp's formula. For each of the sixteen elements of a transformed tile it is a sum of
// outer products over all tiles.
#include "OuterProducts.hpp"
#include "Winograd.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

const int elements = Stride1::transformed * Stride1::transformed;

struct Job {
  ck_convolution c;
  const bfloat16 *x, *dy;
  float *dw;
  void *workspace;
  Tiles tiles;
  OuterProducts outer;
};

/// A applied to a line of dY.
BFLOAT16 ALWAYS_INLINE void transformLine(__m512 a, __m512 b, __m512 (&to)[4]) {
  to[0] = a;
  to[1] = _mm512_add_ps(a, b);
  to[2] = _mm512_sub_ps(a, b);
  to[3] = _mm512_sub_ps(_mm512_setzero_ps(), b);
}

/// A dY Aᵀ of 16 channels of one tile.
BFLOAT16 ALWAYS_INLINE void transformGradients(
  const bfloat16 *map, const ck_convolution &c, const Tiles::Position &at,
  __m512 (&to)[elements]) {
  __m512 columns[2][4];
  for (int s = 0; s < 2; s++) {
    __m512 d[2];
    for (int r = 0; r < 2; r++) {
      const int64_t row = at.row * 2 + r, column = at.column * 2 + s;
      d[r] = row < c.height && column < c.width ? loadWidened(map + (row * c.width + column) * 16)
                                                : _mm512_setzero_ps();
    }
    transformLine(d[0], d[1], columns[s]);
  }
  for (int r = 0; r < 4; r++) {
    __m512 rows[4];
    transformLine(columns[0][r], columns[1][r], rows);
    for (int s = 0; s < 4; s++) to[r * 4 + s] = rows[s];
  }
}

/// Packs 16 channels of the tiles [first, last), of x if `isInput`, else of dy. A pair is two tiles.
template <bool isInput>
BFLOAT16 void packChannels(
  const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last, int64_t channel) {
  const ck_convolution &c = job.c;
  const OuterProducts &o = job.outer;
  const int64_t channels = isInput ? c.in_channels : c.out_channels;
  const bfloat16 *maps = (isInput ? job.x : job.dy) + channel * c.height * c.width;
  InputTile<Stride1> input;
  Tiles::Position at = job.tiles.position(first);
  for (int64_t pair = 0; pair < (last - first + 1) / 2; pair++) {
    __m512 tile[2][elements];
    for (int64_t i = 0; i < 2; i++) {
      const int64_t number = first + 2 * pair + i;
      if (number >= last) {
        for (int p = 0; p < elements; p++) tile[i][p] = _mm512_setzero_ps();
        continue;
      }
      const bfloat16 *map = maps + at.picture * channels * c.height * c.width;
      if (isInput) {
        input.move(map, {c.height, c.width}, 16, at, number > first);
        input.transform(tile[i]);
      } else {
        transformGradients(map, c, at, tile[i]);
      }
      job.tiles.advance(at);
    }
    bfloat16 *to = isInput ? o.column(part, 0, channel, pair) : o.row(part, 0, channel, pair);
    for (int p = 0; p < elements; p++) {
      const __m512i both = interleaved(tile[0][p], tile[1][p]);
      if (isInput)
        _mm512_storeu_si512(to + p * o.columnStride(), both);
      else
        o.storeRows(to + p * o.rowStride(), both);
    }
  }
}

void addShare(void *argument) {
  const Job &job = *(const Job *)argument;
  job.outer.addShare(
    job.workspace, [&](const OuterProducts::Part &part, int64_t first, int64_t last) {
      for (int64_t channel = 0; channel < job.c.in_channels; channel += 16)
        packChannels<true>(job, part, first, last, channel);
      for (int64_t channel = 0; channel < job.c.out_channels; channel += 16)
        packChannels<false>(job, part, first, last, channel);
    });
}

/// Gᵀ applied to a line.
BFLOAT16 ALWAYS_INLINE void transformSums(const __m512 (&m)[4], __m512 (&to)[3]) {
  const __m512 half = _mm512_set1_ps(0.5f);
  const __m512 ends = _mm512_mul_ps(half, _mm512_add_ps(m[1], m[2]));
  to[0] = _mm512_add_ps(m[0], ends);
  to[1] = _mm512_mul_ps(half, _mm512_sub_ps(m[1], m[2]));
  to[2] = _mm512_add_ps(ends, m[3]);
}

/// Adds up the threads' sums and transforms them to dw, for this thread's share of the output channels.
BFLOAT16 void finishShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const int64_t in = job.c.in_channels;
  const Share mine = share(job.c.out_channels);
  for (int64_t out = mine.first; out < mine.last; out++)
    for (int64_t i = 0; i < in; i += 16) {
      __m512 columns[4][3];
      for (int s = 0; s < 4; s++) {
        __m512 m[4];
        for (int r = 0; r < 4; r++)
          m[r] = job.outer.total(job.workspace, mine.threads, job.outer.sumOffset(r * 4 + s, out, i));
        transformSums(m, columns[s]);
      }
      for (int r = 0; r < 3; r++) {
        const __m512 m[4] = {columns[0][r], columns[1][r], columns[2][r], columns[3][r]};
        __m512 row[3];
        transformSums(m, row);
        for (int s = 0; s < 3; s++)
          _mm512_storeu_ps(job.dw + (out * 9 + r * 3 + s) * in + i, row[s]);
      }
    }
}

Tiles tiles(const ck_convolution &c) { return Tiles(c.images, {c.height, c.width}, 2); }

OuterProducts outerProducts(const ck_convolution &c) {
  return OuterProducts(elements, c.out_channels, c.in_channels, tiles(c).count);
}

}  // namespace

void ck_winograd_gradient(
  ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  CK_REQUIRE_BFLOAT16();
  Job job{c, (const bfloat16 *)x, (const bfloat16 *)dy, dw, workspace, tiles(c), outerProducts(c)};
  runOnTeam(addShare, job);
  runOnTeam(finishShare, job);
}

int64_t ck_winograd_gradient_bytes(ck_convolution c, int threads) {
  return threads * outerProducts(c).partByteCount();
}
#endif
