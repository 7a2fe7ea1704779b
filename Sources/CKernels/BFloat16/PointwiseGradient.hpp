// The gradient of the weights of a convolution with kernel size 1, in bfloat16: dw is the sum over all positions of the
// outer products of dy and x.
#pragma once
#include "OuterProducts.hpp"

namespace {
namespace pointwise {

/// x or dy. The kernel reads every pixel of dy, and every `stride`-th pixel of every `stride`-th line of x.
struct Operand {
  const bfloat16 *data;
  int64_t channels, height, lineWidth, stride;

  int64_t pixels() const { return height * lineWidth; }
};

template <class V>
struct Job {
  Operand rows, columns;
  int64_t width, mapPositions;  // Positions of a line and of a feature map of dy.
  bool isTransposed;            // Rows are channels of x.
  float *dw;
  void *workspace;
  OuterProducts<V> outer;
};

/// Whether the positions of a feature map divide into pairs. Then dy at least is stored in pairs.
inline bool arePairs(const ck_convolution &c) { return c.out_height * c.out_width % 2 == 0; }

/// Of the operands that are stored in pairs, the wider one becomes the columns, which need no packing beforehand.
inline bool isTransposed(const ck_convolution &c) {
  return arePairs(c) && (c.out_channels > c.in_channels || c.stride > 1);
}

template <class V>
OuterProducts<V> outerProducts(const ck_convolution &c) {
  const bool transposed = isTransposed(c);
  return OuterProducts<V>(
    1, transposed ? c.in_channels : c.out_channels, transposed ? c.out_channels : c.in_channels,
    c.images * c.out_height * c.out_width, !arePairs(c));
}

/// Walks over the positions of a vector of channels of an operand. Adding steps takes less than dividing each position's number.
struct Walk {
  const bfloat16 *at;
  int64_t mapPositions, width, column, position;
  /// Elements from one position to the next, what is added at the end of a line, and what at the end of a picture.
  int64_t step, lineStep, pictureStep;

  template <class V>
  Walk(const Job<V> &job, const Operand &o, int64_t first, int64_t channel)
    : mapPositions(job.mapPositions), width(job.width), column(first % width), position(first % mapPositions) {
    step = o.stride * 16;
    lineStep = o.stride * (o.lineWidth - width) * 16;
    pictureStep = o.channels * o.pixels() - mapPositions / width * o.stride * o.lineWidth * 16;
    at = o.data + first / mapPositions * o.channels * o.pixels() + blockedOffset(channel, o.pixels())
      + (position / width * o.stride * o.lineWidth + column * o.stride) * 16;
  }

  void next() {
    at += step;
    position++;
    if (++column < width) return;
    column = 0;
    at += lineStep;
    if (position < mapPositions) return;
    position = 0;
    at += pictureStep;
  }
};

/// Packs a vector of channels of the positions [first, last), one by one.
template <bool isColumns, class V>
void packChannels(
  const Job<V> &job, const typename OuterProducts<V>::Part &part, int64_t first, int64_t last, int64_t channel) {
  const OuterProducts<V> &o = job.outer;
  Walk walk(job, isColumns ? job.columns : job.rows, first, channel);
  for (int64_t pair = 0; pair < (last - first + 1) / 2; pair++) {
    const bfloat16 *low = walk.at;
    walk.next();
    const bfloat16 *high = first + 2 * pair + 1 < last ? walk.at : nullptr;
    walk.next();
    if (isColumns)
      V::storePairs(o.column(part, 0, channel, pair), V::pairOf(low, high));
    else
      o.storeRows(o.row(part, 0, channel, pair), V::pairOf(low, high));
  }
}

/// The same for rows, faster: in runs of `run` positions that are equally far apart, and which no pair crosses. Such a run
/// is a feature map with stride 1, a line of it with a greater stride.
template <class V>
void packRuns(
  const Job<V> &job, const typename OuterProducts<V>::Part &part, int64_t first, int64_t last, int64_t channel,
  int64_t run) {
  for (int64_t position = first; position < last;) {
    const Walk walk(job, job.rows, position, channel);
    const int64_t left = run - position % run, end = position + left < last ? position + left : last;
    const bfloat16 *at = walk.at;
    for (; position < end; position += 2, at += 2 * walk.step)
      job.outer.storeRows(
        job.outer.row(part, 0, channel, (position - first) / 2),
        walk.step == 16 ? V::pairOfNeighbours(at) : V::pairOf(at, at + walk.step));
  }
}

/// Packs all rows of the positions [first, last).
template <class V>
void packRows(const Job<V> &job, const typename OuterProducts<V>::Part &part, int64_t first, int64_t last) {
  const int64_t run = job.rows.stride > 1 ? job.width : job.mapPositions;
  for (int64_t channel = 0; channel < job.rows.channels; channel += V::lanes)
    if (run % 2 == 0)
      packRuns(job, part, first, last, channel, run);
    else
      packChannels<false>(job, part, first, last, channel);
}

/// What is prefetched while the rows from `row` on are multiplied by the columns from `column` on. The first row tiles
/// prefetch the next tile's columns, one block of 16 channels each; the others prefetch the next chunk's rows.
template <class V>
Prefetch prefetch(const Job<V> &job, int64_t first, int64_t next, int64_t column, int64_t row) {
  const auto lines = [&](const Operand &o, int64_t position, int64_t channel) {
    if (channel >= o.channels) return Prefetch{o.data, 0};
    const Walk walk(job, o, position, channel);
    return Prefetch{walk.at, 2 * walk.step};
  };
  const int64_t tile = row / V::outerRows, columnBlocks = V::tileColumns / 16;
  if (tile >= columnBlocks) {
    const int64_t others = job.rows.channels / V::outerRows - columnBlocks;
    return lines(job.rows, next, (column / V::tileColumns * others + tile - columnBlocks) * 16);
  }
  const int64_t channel = column + V::tileColumns + tile * 16;
  return channel < job.columns.channels ? lines(job.columns, first, channel)
                                        : lines(job.columns, next, tile * 16);
}

template <class V>
void addShare(void *argument) {
  const Job<V> &job = *(const Job<V> *)argument;
  const OuterProducts<V> &o = job.outer;
  if (o.packsColumns)
    return o.addShare(job.workspace, [&](const typename OuterProducts<V>::Part &part, int64_t first, int64_t last) {
      packRows(job, part, first, last);
      for (int64_t channel = 0; channel < job.columns.channels; channel += V::lanes)
        packChannels<true>(job, part, first, last, channel);
    });
  const int64_t pixels = job.columns.pixels();
  o.addShare(
    job.workspace,
    [&](const typename OuterProducts<V>::Part &part, int64_t first, int64_t last) {
      packRows(job, part, first, last);
    },
    [&](const typename OuterProducts<V>::Part &part, int64_t first, int64_t, int64_t column) {
      return MapColumns{
        job.columns.data + blockedOffset(column, pixels), o.column(part, 0, column, 0), first, job.mapPositions,
        job.columns.channels * pixels};
    },
    [&](int64_t first, int64_t next, int64_t column, int64_t row) {
      return prefetch(job, first, next, column, row);
    });
}

/// Adds up the threads' sums to dw, for this thread's share of the output channels.
template <class V>
void finishShare(void *argument) {
  const Job<V> &job = *(const Job<V> *)argument;
  const OuterProducts<V> &o = job.outer;
  if (!job.isTransposed) {
    const Share mine = share(o.rowCount);
    for (int64_t row = mine.first; row < mine.last; row++)
      for (int64_t column = 0; column < o.columnCount; column += V::lanes)
        V::store(
          job.dw + row * o.columnCount + column,
          o.total(job.workspace, mine.threads, o.sumOffset(0, row, column)));
    return;
  }
  const Share mine = share(o.columnCount / V::lanes);
  for (int64_t column = mine.first * V::lanes; column < mine.last * V::lanes; column += V::lanes)
    for (int64_t row = 0; row < o.rowCount; row += V::lanes) {
      Pairs<V> block[V::lanes];  // Of words, whatever they mean.
      for (int i = 0; i < V::lanes; i++)
        block[i] = (Pairs<V>)o.total(job.workspace, mine.threads, o.sumOffset(0, row + i, column));
      V::transposePairs(block);
      for (int i = 0; i < V::lanes; i++) V::store(job.dw + (column + i) * o.rowCount + row, (Lanes<V>)block[i]);
    }
}

template <class V>
void weightGradient(ck_convolution c, const void *x, const void *dy, float *dw, void *workspace) {
  const Operand pixels{(const bfloat16 *)x, c.in_channels, c.height, c.width, c.stride};
  const Operand gradients{(const bfloat16 *)dy, c.out_channels, c.out_height, c.out_width, 1};
  const bool transposed = isTransposed(c);
  Job<V> job{
    transposed ? pixels : gradients, transposed ? gradients : pixels, c.out_width,
    c.out_height * c.out_width, transposed, dw, workspace, outerProducts<V>(c)};
  runOnTeam(addShare<V>, job);
  runOnTeam(finishShare<V>, job);
}

template <class V>
int64_t bytes(ck_convolution c, int threads) {
  return threads * outerProducts<V>(c).partByteCount();
}

}  // namespace pointwise
}  // namespace
