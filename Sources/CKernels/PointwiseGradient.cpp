// The gradient of the weights of a convolution of one pixel's window in bfloat16: dw is the sum of outer
// products over all places.
#include "OuterProducts.hpp"

#if defined(__x86_64__)

using namespace ck;

namespace {

/// x or dy: what of it takes part in the sums lies in lines of `width` places, `stride` pixels apart.
struct Operand {
  const bfloat16 *data;
  int64_t channels, height, lineWidth, stride;

  int64_t plane() const { return height * lineWidth; }
};

struct Job {
  Operand rows, columns;
  int64_t width, places;  // Places of a line, and of a plane.
  bool isTransposed;      // Rows are channels of x.
  float *dw;
  void *workspace;
  OuterProducts outer;
};

/// Whether planes of places divide into pairs; one operand at least, dy, lies in them then.
bool arePairs(const ck_convolution &c) { return c.out_height * c.out_width % 2 == 0; }

/// The wider operand that lies in pairs becomes the columns.
bool isTransposed(const ck_convolution &c) {
  return arePairs(c) && (c.out_channels > c.in_channels || c.stride > 1);
}

OuterProducts outerProducts(const ck_convolution &c) {
  const bool transposed = isTransposed(c);
  return OuterProducts(
    1, transposed ? c.in_channels : c.out_channels, transposed ? c.out_channels : c.in_channels,
    c.images * c.out_height * c.out_width, !arePairs(c));
}

/// Walks over the places of 16 channels of an operand.
struct Walk {
  const bfloat16 *at;
  int64_t places, width, column, place;
  int64_t step, rowStep, pictureStep;  // Elements on from the one before; the last two are added to the first.

  Walk(const Job &job, const Operand &o, int64_t first, int64_t channel)
    : places(job.places), width(job.width), column(first % width), place(first % places) {
    step = o.stride * 16;
    rowStep = o.stride * (o.lineWidth - width) * 16;
    pictureStep = o.channels * o.plane() - places / width * o.stride * o.lineWidth * 16;
    at = o.data + first / places * o.channels * o.plane() + channel * o.plane()
      + (place / width * o.stride * o.lineWidth + column * o.stride) * 16;
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

/// Packs 16 channels of the places [first, last), each found from the one before.
template <bool isColumns>
BFLOAT16 void packChannels(
  const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last, int64_t channel) {
  const OuterProducts &o = job.outer;
  Walk walk(job, isColumns ? job.columns : job.rows, first, channel);
  for (int64_t pair = 0; pair < (last - first + 1) / 2; pair++) {
    const bfloat16 *low = walk.at;
    walk.next();
    const bfloat16 *high = first + 2 * pair + 1 < last ? walk.at : nullptr;
    walk.next();
    if (isColumns)
      _mm512_storeu_si512(o.column(part, 0, channel, pair), pairOf(low, high));
    else
      o.storeRows(o.row(part, 0, channel, pair), pairOf(low, high));
  }
}

/// The same of rows where pairs never cross the end of a stretch of `stretch` places that lie at equal distances: a
/// plane, or a line of one that every other pixel of is met.
BFLOAT16 void packStretches(
  const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last, int64_t channel,
  int64_t stretch) {
  for (int64_t place = first; place < last;) {
    const Walk walk(job, job.rows, place, channel);
    const int64_t left = stretch - place % stretch, end = place + left < last ? place + left : last;
    const bfloat16 *at = walk.at;
    for (; place < end; place += 2, at += 2 * walk.step)
      job.outer.storeRows(
        job.outer.row(part, 0, channel, (place - first) / 2),
        walk.step == 16 ? pairOfNeighbours(at) : pairOf(at, at + walk.step));
  }
}

/// Packs all rows of the places [first, last).
void packRows(const Job &job, const OuterProducts::Part &part, int64_t first, int64_t last) {
  const int64_t stretch = job.rows.stride > 1 ? job.width : job.places;
  for (int64_t channel = 0; channel < job.rows.channels; channel += 16)
    if (stretch % 2 == 0)
      packStretches(job, part, first, last, channel, stretch);
    else
      packChannels<false>(job, part, first, last, channel);
}

/// Asks for the columns of the next tile while the first rows meet those of this one, then for the next piece's rows.
LinesAhead linesAhead(const Job &job, int64_t first, int64_t next, int64_t column, int64_t row) {
  const auto lines = [&](const Operand &o, int64_t place, int64_t channel) {
    if (channel >= o.channels) return LinesAhead{o.data, 0};
    const Walk walk(job, o, place, channel);
    return LinesAhead{walk.at, 2 * walk.step};
  };
  const int64_t tile = row / tileRows, columnBlocks = tileColumns / 16;
  if (tile >= columnBlocks) {
    const int64_t others = job.rows.channels / tileRows - columnBlocks;
    return lines(job.rows, next, (column / tileColumns * others + tile - columnBlocks) * 16);
  }
  const int64_t channel = column + tileColumns + tile * 16;
  return channel < job.columns.channels ? lines(job.columns, first, channel)
                                        : lines(job.columns, next, tile * 16);
}

void addShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const OuterProducts &o = job.outer;
  if (o.packsColumns)
    return o.addShare(job.workspace, [&](const OuterProducts::Part &part, int64_t first, int64_t last) {
      packRows(job, part, first, last);
      for (int64_t channel = 0; channel < job.columns.channels; channel += 16)
        packChannels<true>(job, part, first, last, channel);
    });
  const int64_t plane = job.columns.plane();
  o.addShare(
    job.workspace,
    [&](const OuterProducts::Part &part, int64_t first, int64_t last) {
      packRows(job, part, first, last);
    },
    [&](const OuterProducts::Part &part, int64_t first, int64_t, int64_t column) {
      return PlaneColumns{
        job.columns.data + column * plane, o.column(part, 0, column, 0), first, job.places,
        job.columns.channels * plane};
    },
    [&](int64_t first, int64_t next, int64_t column, int64_t row) {
      return linesAhead(job, first, next, column, row);
    });
}

BFLOAT16 void finishShare(void *argument) {
  const Job &job = *(const Job *)argument;
  const OuterProducts &o = job.outer;
  if (!job.isTransposed) {
    const Share mine = share(o.rowCount);
    for (int64_t row = mine.first; row < mine.last; row++)
      for (int64_t column = 0; column < o.columnCount; column += 16)
        _mm512_storeu_ps(
          job.dw + row * o.columnCount + column,
          o.total(job.workspace, mine.threads, o.sumOffset(0, row, column)));
    return;
  }
  const Share mine = share(o.columnCount / 16);
  for (int64_t column = mine.first * 16; column < mine.last * 16; column += 16)
    for (int64_t row = 0; row < o.rowCount; row += 16) {
      __m512i block[16];
      for (int i = 0; i < 16; i++)
        block[i] =
          (__m512i)o.total(job.workspace, mine.threads, o.sumOffset(0, row + i, column));
      transpose(block);
      for (int i = 0; i < 16; i++)
        _mm512_storeu_si512(job.dw + (column + i) * o.rowCount + row, block[i]);
    }
}

}  // namespace

void ck_pointwise_gradient(
  ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  const Operand pixels{(const bfloat16 *)x, c.in_channels, c.height, c.width, c.stride};
  const Operand gradients{(const bfloat16 *)dy, c.out_channels, c.out_height, c.out_width, 1};
  const bool transposed = isTransposed(c);
  Job job{
    transposed ? pixels : gradients, transposed ? gradients : pixels, c.out_width,
    c.out_height * c.out_width, transposed, dw, workspace, outerProducts(c)};
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
