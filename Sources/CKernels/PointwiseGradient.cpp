// The gradient of the weights of a convolution of one pixel's window in bfloat16: dw is the sum of outer
// products over all places.
#include "OuterProducts.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

struct Job {
  ck_convolution c;
  const bfloat16 *x, *dy;
  float *dw;
  void *workspace;
  OuterProducts outer;
};

/// Walks over the places of 16 channels of dy, or over the pixels of x that they meet.
struct Walk {
  const bfloat16 *at;
  int64_t places, width, column, place;
  int64_t step, rowStep, pictureStep;  // Elements on from the one before; the last two are added to the first.

  Walk(const ck_convolution &c, const bfloat16 *from, bool isPixels, int64_t first, int64_t channel)
    : places(c.out_height * c.out_width), width(c.out_width), column(first % width),
      place(first % places) {
    const int64_t stride = isPixels ? c.stride : 1, channels = isPixels ? c.in_channels : c.out_channels;
    const int64_t lineWidth = isPixels ? c.width : c.out_width;
    const int64_t plane = isPixels ? c.height * c.width : places;
    step = stride * 16;
    rowStep = stride * (lineWidth - c.out_width) * 16;
    pictureStep = channels * plane - c.out_height * stride * lineWidth * 16;
    at = from + first / places * channels * plane + channel * plane
      + (place / width * stride * lineWidth + column * stride) * 16;
  }

  void next() {
    at += step;
    place++;
    if (++column < width) return;
    column = 0;
    at += rowStep;
    if (place < places) return;
    place = 0;
    at += pictureStep;
  }
};

/// Where the packed pairs of 16 channels go.
template <bool isPixels>
BFLOAT16 ALWAYS_INLINE void store(
  const OuterProducts &o, const OuterProducts::Part &part, int64_t channel, int64_t pair, __m512i both) {
  if (isPixels)
    _mm512_storeu_si512(o.column(part, 0, channel, pair), both);
  else
    o.storeRows(o.row(part, 0, channel, pair), both);
}

/// Packs 16 channels of the places [first, last), each found from the one before.
template <bool isPixels>
BFLOAT16 void packChannels(
  const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last, int64_t channel) {
  Walk walk(job.c, isPixels ? job.x : job.dy, isPixels, first, channel);
  for (int64_t pair = 0; pair < (last - first + 1) / 2; pair++) {
    const bfloat16 *low = walk.at;
    walk.next();
    const bfloat16 *high = first + 2 * pair + 1 < last ? walk.at : nullptr;
    walk.next();
    store<isPixels>(job.outer, part, channel, pair, pairOf(low, high));
  }
}

/// The same where pairs never cross the end of a stretch of `stretch` places that lie at equal distances: a plane, or
/// a line of one that every other pixel of is met.
template <bool isPixels>
BFLOAT16 void packStretches(
  const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last, int64_t channel,
  int64_t stretch) {
  for (int64_t place = first; place < last;) {
    const Walk walk(job.c, isPixels ? job.x : job.dy, isPixels, place, channel);
    const int64_t left = stretch - place % stretch, end = place + left < last ? place + left : last;
    const bfloat16 *at = walk.at;
    for (; place < end; place += 2, at += 2 * walk.step)
      store<isPixels>(
        job.outer, part, channel, (place - first) / 2,
        walk.step == 16 ? pairOfNeighbours(at) : pairOf(at, at + walk.step));
  }
}

/// Packs all channels of the places [first, last).
template <bool isPixels>
void packPlaces(const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last) {
  const ck_convolution &c = job.c;
  const int64_t plane = c.out_height * c.out_width;
  const int64_t stretch = isPixels && c.stride > 1 ? c.out_width : plane;
  for (int64_t channel = 0; channel < (isPixels ? c.in_channels : c.out_channels); channel += 16)
    if (stretch % 2 == 0)
      packStretches<isPixels>(job, part, first, last, channel, stretch);
    else
      packChannels<isPixels>(job, part, first, last, channel);
}

void addShare(void *argument) {
  const Job &job = *(const Job *)argument;
  job.outer.addShare(
    job.workspace, [&](const OuterProducts::Part &part, int64_t first, int64_t last) {
      packPlaces<true>(job, part, first, last);
      packPlaces<false>(job, part, first, last);
    },
    [&](int64_t first, int64_t tile) {
      // A tile asks for half of what 16 channels have in a piece.
      const int64_t pixels = job.c.in_channels / 16, block = tile / 2;
      if (block >= pixels + job.c.out_channels / 16) return LinesAhead{job.x, 0};
      const bool isPixels = block < pixels;
      const Walk walk(
        job.c, isPixels ? job.x : job.dy, isPixels, first, (isPixels ? block : block - pixels) * 16);
      return LinesAhead{walk.at + tile % 2 * job.outer.pairs * walk.step, 2 * walk.step};
    });
}

BFLOAT16 void finishShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const Share mine = share(job.outer.sumCount() / 16);
  for (int64_t u = mine.first; u < mine.last; u++)
    _mm512_storeu_ps(job.dw + u * 16, job.outer.total(job.workspace, mine.threads, u * 16));
}

OuterProducts outerProducts(const ck_convolution &c) {
  return OuterProducts(
    1, c.out_channels, c.in_channels, c.images * c.out_height * c.out_width);
}

}  // namespace

void ck_pointwise_gradient(
  ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  Job job{c, (const bfloat16 *)x, (const bfloat16 *)dy, dw, workspace, outerProducts(c)};
  const unsigned threads = (unsigned)omp_get_max_threads();
  GOMP_parallel(addShare, &job, threads, 0);
  GOMP_parallel(finishShare, &job, threads, 0);
}

int64_t ck_pointwise_gradient_bytes(ck_convolution c, int threads) {
  return threads * outerProducts(c).partByteCount();
}
#else
void ck_pointwise_gradient(ck_convolution, const void *, const void *, float *, void *) {}
int64_t ck_pointwise_gradient_bytes(ck_convolution, int) { return 0; }
#endif
