// Sums of outer products in bfloat16: the gradient of a convolution's weights, where each term is the gradients at a
// position times the pixels that the kernel reads there.
//
// The positions are summed over, so they are taken in pairs (Products.hpp). A thread cuts its share of the positions into
// chunks. It packs a chunk, which stays in its L2 cache, and adds its products to sums of its own. The threads' sums are
// added up at the end. Columns that are adjacent in pairs already need no packing beforehand: they are packed one tile at
// a time, while they are multiplied by the first rows.
#pragma once
#include "Products.hpp"

namespace {

/// Cache lines, `stride` elements apart, that are prefetched while products keep the processor busy. Whoever reads them
/// next would wait for each. With stride 0 the same line is prefetched again and again, which costs nothing.
struct Prefetch {
  const bfloat16 *from;
  int64_t stride;

  CK_ALWAYS_INLINE void line(int64_t number) const { __builtin_prefetch(from + number * stride); }
};

/// For chunks whose packing does not wait for memory.
struct NoPrefetch {
  void line(int64_t) const {}
};

/// Columns that were packed in tiles.
struct PackedColumns {
  const bfloat16 *at;

  /// The pairs from `pair` on that are equally far apart: all of them.
  template <class V, int vectors>
  struct Stretch {
    const bfloat16 *at;
    int64_t count;

    CK_ALWAYS_INLINE void load(int64_t pair, Pairs<V> (&to)[vectors]) const {
      for (int v = 0; v < vectors; v++) to[v] = V::loadPairs(at + (pair * vectors + v) * 2 * V::lanes);
    }
  };
  template <class V, int vectors>
  Stretch<V, vectors> stretch(int64_t pair, int64_t count) const {
    return {at + pair * vectors * 2 * V::lanes, count - pair};
  }
};

/// Columns that are read from blocked feature maps with an even number of pixels, where the pairs are adjacent. They are
/// packed on the way, for the rows that follow.
struct MapColumns {
  const bfloat16 *at;  // The first pixel of the tile's first 16 channels in the first picture.
  bfloat16 *packed;
  int64_t first, mapPositions;  // The chunk's first position among all; positions of a feature map.
  int64_t pictureStride;

  /// The pairs from `pair` on in the same feature map.
  template <class V, int vectors>
  struct Stretch {
    const bfloat16 *at;
    int64_t count, mapPixels;
    bfloat16 *packed;

    CK_ALWAYS_INLINE void load(int64_t pair, Pairs<V> (&to)[vectors]) const {
      for (int v = 0; v < vectors; v++) {
        to[v] = V::pairOfNeighbours(at + blockedOffset(v * V::lanes, mapPixels) + pair * 32);
        V::storePairs(packed + (pair * vectors + v) * 2 * V::lanes, to[v]);
      }
    }
  };
  template <class V, int vectors>
  Stretch<V, vectors> stretch(int64_t pair, int64_t count) const {
    const int64_t position = (first + 2 * pair) % mapPositions, left = (mapPositions - position) / 2;
    return {
      at + (first + 2 * pair) / mapPositions * pictureStride + position * 16,
      left < count - pair ? left : count - pair, mapPositions, packed + pair * vectors * 2 * V::lanes};
  }
};

/// sums[element][row][column] = Σ over positions of rows(position)[row] · columns(position)[column], where an element is one
/// of a transformed tile (Winograd) or the only one (a 1×1 kernel).
template <class V>
struct OuterProducts {
  int64_t elements, rowCount, columnCount, positions;
  bool packsColumns;
  /// Pairs of positions in a chunk.
  int64_t pairs;

  /// A thread's part of the workspace: its sums, and a packed chunk as
  /// [element][tile of rows][pair][row][2] and [element][tile of columns][pair][column][2].
  struct Part {
    float *sums;
    bfloat16 *rows, *columns;
  };

  OuterProducts(
    int64_t elements, int64_t rowCount, int64_t columnCount, int64_t positions, bool packsColumns = true)
    : elements(elements), rowCount(rowCount), columnCount(columnCount), positions(positions),
      packsColumns(packsColumns) {
    // A chunk fills half of an L2 cache, and a tile of its columns an L1 cache. But a chunk has at least 48 pairs: the sums are
    // read and written once per chunk, and shorter chunks would wait for them. More than 256 gain nothing.
    const int64_t packed = rowCount + (packsColumns ? columnCount : 0);
    const int64_t inSecond = caches().second / 2 / (4 * elements * packed);
    const int64_t inFirst = caches().first / (4 * V::tileColumns);
    const int64_t fitting = inSecond < inFirst ? inSecond : inFirst;
    pairs = fitting < 48 ? 48 : fitting > 256 ? 256 : fitting;
    const int64_t all = (positions + 1) / 2;
    if (pairs > all) pairs = all;
  }

  /// Columns of the tile that begins with column `first`. The last tile may be narrower.
  int64_t tileWidth(int64_t first) const {
    return columnCount - first < V::tileColumns ? columnCount - first : V::tileColumns;
  }
  /// The offset of the sums of a row and a vector of columns from `column` on. Sums are stored tile by tile: as rows of the whole
  /// matrix they would be a power of two apart, and fall into few sets of the cache.
  int64_t sumOffset(int64_t element, int64_t row, int64_t column) const {
    const int64_t first = column / V::tileColumns * V::tileColumns;
    return (element * columnCount + first) * rowCount + row * tileWidth(first) + column - first;
  }
  int64_t sumCount() const { return elements * rowCount * columnCount; }
  /// Distances from one element to the next, with one cache line of padding against conflicts in the cache.
  int64_t rowStride() const { return rowCount * pairs * 2 + 32; }
  int64_t columnStride() const { return (packsColumns ? columnCount : V::tileColumns) * pairs * 2 + 32; }
  int64_t partByteCount() const {
    return 4 * sumCount() + 2 * elements * (rowStride() + columnStride());
  }

  Part part(void *workspace, int64_t thread) const {
    float *sums = (float *)((char *)workspace + thread * partByteCount());
    bfloat16 *rows = (bfloat16 *)(sums + sumCount());
    return {sums, rows, rows + elements * rowStride()};
  }

  /// Where pair `pair` of the vector of columns, or rows, from `channel` on is packed.
  bfloat16 *column(const Part &p, int64_t element, int64_t channel, int64_t pair) const {
    const int64_t first = channel / V::tileColumns * V::tileColumns;
    return p.columns + element * columnStride()
      + ((packsColumns ? first * pairs : 0) + pair * tileWidth(first) + channel - first) * 2;
  }
  bfloat16 *row(const Part &p, int64_t element, int64_t channel, int64_t pair) const {
    return p.rows + element * rowStride() + (channel * pairs + pair * V::outerRows) * 2;
  }
  /// Stores one pair of a vector of rows, which belong to two tiles.
  CK_ALWAYS_INLINE void storeRows(bfloat16 *to, Pairs<V> both) const {
    V::storeHalves(to, to + pairs * V::outerRows * 2, both);
  }

  /// Adds the products of `count` pairs to one tile of the sums, which starts from 0 if `isFirst`. With every pair it
  /// prefetches one cache line.
  template <int vectors, class Columns, class Prefetch>
  void addToTile(
    const Part &p, int64_t element, int64_t rowTile, int64_t columnTile, int64_t count, bool isFirst,
    Columns columns, Prefetch prefetch) const {
    const bfloat16 *rows = row(p, element, rowTile, 0);
    float *to = p.sums + sumOffset(element, rowTile, columnTile);
    TileSums<V, vectors, V::outerRows> sums;
    for (int i = 0; i < V::outerRows; i++)
      for (int v = 0; v < vectors; v++)
        sums.lanes[i][v] =
          isFirst ? V::zero() : V::load(to + (i * vectors + v) * V::lanes);
    for (int64_t first = 0; first < count;) {
      const auto stretch = columns.template stretch<V, vectors>(first, count);
#pragma clang loop unroll_count(4)
      for (int64_t pair = 0; pair < stretch.count; pair++) {
        prefetch.line(first + pair);
        Pairs<V> column[vectors];
        stretch.load(pair, column);
        addProducts<V, vectors>(sums, column, [&](int i) __attribute__((always_inline)) {
          return rows + ((first + pair) * V::outerRows + i) * 2;
        });
      }
      first += stretch.count;
    }
    for (int i = 0; i < V::outerRows; i++)
      for (int v = 0; v < vectors; v++)
        V::store(to + (i * vectors + v) * V::lanes, sums.lanes[i][v]);
  }

  /// Adds the products of `count` pairs to all sums, which start from 0 if `isFirst`. `columnsOf(element, column)` gives a
  /// tile's columns, `prefetchFor(column, row)` what is prefetched while a tile is computed.
  template <class ColumnsOf, class PrefetchFor>
  void add(const Part &p, int64_t count, bool isFirst, ColumnsOf columnsOf, PrefetchFor prefetchFor) const {
    for (int64_t element = 0; element < elements; element++)
      for (int64_t column = 0; column < columnCount; column += V::tileColumns) {
        const auto tile = [&](int64_t row, auto columns) {
          if (tileWidth(column) == V::tileColumns)
            addToTile<V::vectors>(p, element, row, column, count, isFirst, columns, prefetchFor(column, row));
          else
            addToTile<16 / V::lanes>(p, element, row, column, count, isFirst, columns, prefetchFor(column, row));
        };
        // The first rows may read the columns where they are stored; they leave them packed for the others.
        tile(0, columnsOf(element, column));
        const PackedColumns packed{this->column(p, element, column, 0)};
        for (int64_t row = V::outerRows; row < rowCount; row += V::outerRows) tile(row, packed);
      }
  }

  /// A thread's share of all positions. `pack(part, first, last)` packs the positions of a chunk. `columnsOf(part, first, …)`
  /// and `prefetchFor(first, next, …)` are those of `add` for the chunk from position `first` on, where the next chunk
  /// begins at `next`.
  template <class Pack, class ColumnsOf, class PrefetchFor>
  void addShare(void *workspace, Pack pack, ColumnsOf columnsOf, PrefetchFor prefetchFor) const {
    const Share mine = share((positions + 1) / 2);
    const Part p = part(workspace, mine.thread);
    if (mine.first == mine.last) memset(p.sums, 0, 4 * sumCount());
    for (int64_t first = mine.first; first < mine.last; first += pairs) {
      const int64_t last = first + pairs < mine.last ? first + pairs : mine.last;
      pack(p, 2 * first, 2 * last < positions ? 2 * last : positions);
      add(
        p, last - first, first == mine.first,
        [&](int64_t element, int64_t column) { return columnsOf(p, 2 * first, element, column); },
        [&](int64_t column, int64_t row) {
          return prefetchFor(2 * first, last < mine.last ? 2 * last : 2 * first, column, row);
        });
    }
  }

  template <class Pack>
  void addShare(void *workspace, Pack pack) const {
    addShare(
      workspace, pack,
      [&](const Part &p, int64_t, int64_t element, int64_t first) {
        return PackedColumns{column(p, element, first, 0)};
      },
      [](int64_t, int64_t, int64_t, int64_t) { return NoPrefetch{}; });
  }

  /// A vector of sums from offset `at` on, added up over all threads in their order.
  CK_ALWAYS_INLINE Lanes<V> total(const void *workspace, int64_t threads, int64_t at) const {
    const char *from = (const char *)workspace + 4 * at;
    Lanes<V> sum = V::load((const float *)from);
    for (int64_t thread = 1; thread < threads; thread++)
      sum += V::load((const float *)(from + thread * partByteCount()));
    return sum;
  }
};

}  // namespace
