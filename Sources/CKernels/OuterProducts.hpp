// Sums of outer products in bfloat16: the gradient of a convolution's weights, where each term is a place's
// gradients times its pixels.
//
// Places come in pairs, side by side as the processor multiplies them. A thread packs a piece of its share of
// the places, which stays in its second cache, and adds it to sums of its own; what the threads summed is
// added up at the end. Columns that lie in pairs already are packed a tile at a time, while the first rows meet them.
#pragma once
#include "Products.hpp"

#if defined(__x86_64__)
namespace ck {

/// Lines of the cache, `step` elements apart, that are asked for while products keep the processor busy: their next
/// reader would wait for each. A step of 0 asks for nothing new.
struct LinesAhead {
  const bfloat16 *from;
  int64_t step;

  ALWAYS_INLINE void ask(int64_t line) const { _mm_prefetch(from + line * step, _MM_HINT_T0); }
};

/// For pieces whose packing is not what waits for memory.
struct NothingAhead {
  void ask(int64_t) const {}
};

/// Columns in tiles as they were packed.
struct PackedColumns {
  const bfloat16 *at;

  /// Of the pairs from `pair` on, those that lie at equal distances.
  template <int vectors>
  struct Stretch {
    const bfloat16 *at;
    int64_t count;

    BFLOAT16 ALWAYS_INLINE void load(int64_t pair, __m512i (&to)[vectors]) const {
      for (int v = 0; v < vectors; v++) to[v] = _mm512_loadu_si512(at + (pair * vectors + v) * 32);
    }
  };
  template <int vectors>
  Stretch<vectors> stretch(int64_t pair, int64_t count) const {
    return {at + pair * vectors * 32, count - pair};
  }
};

/// Columns read where they lie, channels of planes with an even number of places, and left packed.
struct PlaneColumns {
  const bfloat16 *at;  // The first place of the tile's first 16 channels in the first picture.
  bfloat16 *packed;
  int64_t first, places;  // The piece's first place of all; places of a plane.
  int64_t pictureStep;  // Elements from one picture to the next.

  template <int vectors>
  struct Stretch {
    const bfloat16 *at;
    int64_t count, plane;
    bfloat16 *packed;

    BFLOAT16 ALWAYS_INLINE void load(int64_t pair, __m512i (&to)[vectors]) const {
      for (int v = 0; v < vectors; v++) {
        to[v] = pairOfNeighbours(at + v * plane + pair * 32);
        _mm512_storeu_si512(packed + (pair * vectors + v) * 32, to[v]);
      }
    }
  };
  template <int vectors>
  Stretch<vectors> stretch(int64_t pair, int64_t count) const {
    const int64_t place = (first + 2 * pair) % places, left = (places - place) / 2;
    return {
      at + (first + 2 * pair) / places * pictureStep + place * 16, left < count - pair ? left : count - pair,
      places * 16, packed + pair * vectors * 32};
  }
};

/// sums[position][row][column] = Σ over places of rows(place)[row] · columns(place)[column].
struct OuterProducts {
  int64_t positions, rowCount, columnCount, places;
  bool packsColumns;
  /// Pairs of places of a piece.
  int64_t pairs;

  /// A thread's part of the workspace: its sums, and a packed piece as
  /// [position][tile of rows][pair][row][2] and [position][tile of columns][pair][column][2].
  struct Part {
    float *sums;
    bfloat16 *rows, *columns;
  };

  OuterProducts(
    int64_t positions, int64_t rowCount, int64_t columnCount, int64_t places, bool packsColumns = true)
    : positions(positions), rowCount(rowCount), columnCount(columnCount), places(places),
      packsColumns(packsColumns) {
    // A piece fills half of a second cache of 1 MiB and a tile of its columns two thirds of a first cache of 48 KiB,
    // but it is long enough that the sums, which a piece reads and writes once, are not what it waits for.
    const int64_t packed = rowCount + (packsColumns ? columnCount : 0);
    const int64_t fitting = 512 * 1024 / (4 * positions * packed);
    pairs = fitting < 48 ? 48 : fitting > 256 ? 256 : fitting;
    const int64_t all = (places + 1) / 2;
    if (pairs > all) pairs = all;
  }

  /// Columns of the tile whose first one is `first`; the last tile may be narrower.
  int64_t tileWidth(int64_t first) const {
    return columnCount - first < tileColumns ? columnCount - first : tileColumns;
  }
  /// Where the sums of a row and 16 columns from `column` on lie: in tiles, row by row.
  int64_t sumOffset(int64_t position, int64_t row, int64_t column) const {
    const int64_t first = column / tileColumns * tileColumns;
    return (position * columnCount + first) * rowCount + row * tileWidth(first) + column - first;
  }
  int64_t sumCount() const { return positions * rowCount * columnCount; }
  /// Elements from one position to the next; a line of the cache apart.
  int64_t rowStride() const { return rowCount * pairs * 2 + 32; }
  int64_t columnStride() const { return (packsColumns ? columnCount : tileColumns) * pairs * 2 + 32; }
  int64_t partByteCount() const {
    return 4 * sumCount() + 2 * positions * (rowStride() + columnStride());
  }

  Part part(void *workspace, int64_t thread) const {
    float *sums = (float *)((char *)workspace + thread * partByteCount());
    bfloat16 *rows = (bfloat16 *)(sums + sumCount());
    return {sums, rows, rows + positions * rowStride()};
  }

  /// Where pair `pair` of 16 columns or rows from `channel` on lies.
  bfloat16 *column(const Part &p, int64_t position, int64_t channel, int64_t pair) const {
    const int64_t first = channel / tileColumns * tileColumns;
    return p.columns + position * columnStride()
      + ((packsColumns ? first * pairs : 0) + pair * tileWidth(first) + channel - first) * 2;
  }
  bfloat16 *row(const Part &p, int64_t position, int64_t channel, int64_t pair) const {
    return p.rows + position * rowStride() + (channel * pairs + pair * tileRows) * 2;
  }
  /// Stores a pair of 16 rows, which are two tiles.
  BFLOAT16 ALWAYS_INLINE void storeRows(bfloat16 *to, __m512i both) const {
    _mm256_storeu_si256((__m256i *)to, _mm512_castsi512_si256(both));
    _mm256_storeu_si256(
      (__m256i *)(to + pairs * tileRows * 2), _mm512_extracti64x4_epi64(both, 1));
  }

  /// Adds `count` pairs to one tile of the sums, or begins it with them; meanwhile it asks `ahead` for a line of the
  /// cache with every pair.
  template <int vectors, class Columns, class Ahead>
  BFLOAT16 void addToTile(
    const Part &p, int64_t position, int64_t rowTile, int64_t columnTile, int64_t count, bool begins,
    Columns columns, Ahead ahead) const {
    const bfloat16 *rows = row(p, position, rowTile, 0);
    float *to = p.sums + sumOffset(position, rowTile, columnTile);
    TileSums<vectors> sums;
    for (int i = 0; i < tileRows; i++)
      for (int v = 0; v < vectors; v++)
        sums.lanes[i][v] =
          begins ? _mm512_setzero_ps() : _mm512_loadu_ps(to + (i * vectors + v) * 16);
    for (int64_t first = 0; first < count;) {
      const auto stretch = columns.template stretch<vectors>(first, count);
#pragma clang loop unroll_count(4)
      for (int64_t pair = 0; pair < stretch.count; pair++) {
        ahead.ask(first + pair);
        __m512i column[vectors];
        stretch.load(pair, column);
        addProducts<vectors>(sums, column, [&](int i) __attribute__((always_inline)) {
          return rows + ((first + pair) * tileRows + i) * 2;
        });
      }
      first += stretch.count;
    }
    for (int i = 0; i < tileRows; i++)
      for (int v = 0; v < vectors; v++)
        _mm512_storeu_ps(to + (i * vectors + v) * 16, sums.lanes[i][v]);
  }

  /// Adds `count` pairs to the sums, or begins them; `columnsOf(position, column)` are a tile's columns,
  /// `ahead(column, row)` is what is asked for meanwhile.
  template <class ColumnsOf, class AheadOf>
  void add(const Part &p, int64_t count, bool begins, ColumnsOf columnsOf, AheadOf ahead) const {
    for (int64_t position = 0; position < positions; position++)
      for (int64_t column = 0; column < columnCount; column += tileColumns) {
        const auto tile = [&](int64_t row, auto columns) {
          if (tileWidth(column) == tileColumns)
            addToTile<2>(p, position, row, column, count, begins, columns, ahead(column, row));
          else
            addToTile<1>(p, position, row, column, count, begins, columns, ahead(column, row));
        };
        tile(0, columnsOf(position, column));
        const PackedColumns packed{this->column(p, position, column, 0)};
        for (int64_t row = tileRows; row < rowCount; row += tileRows) tile(row, packed);
      }
  }

  /// A thread's share of all places: `pack(part, first, last)` packs the places of a piece; `columnsOf(part, first, …)`
  /// and `ahead(first, next, …)` are as `add` wants them for the piece from place `first` on, which the one from
  /// `next` on follows.
  template <class Pack, class ColumnsOf, class AheadOf>
  void addShare(void *workspace, Pack pack, ColumnsOf columnsOf, AheadOf ahead) const {
    const Share mine = share((places + 1) / 2);
    const Part p = part(workspace, mine.thread);
    if (mine.first == mine.last) memset(p.sums, 0, 4 * sumCount());
    for (int64_t first = mine.first; first < mine.last; first += pairs) {
      const int64_t last = first + pairs < mine.last ? first + pairs : mine.last;
      pack(p, 2 * first, 2 * last < places ? 2 * last : places);
      add(
        p, last - first, first == mine.first,
        [&](int64_t position, int64_t column) { return columnsOf(p, 2 * first, position, column); },
        [&](int64_t column, int64_t row) {
          return ahead(2 * first, last < mine.last ? 2 * last : 2 * first, column, row);
        });
    }
  }

  template <class Pack>
  void addShare(void *workspace, Pack pack) const {
    addShare(
      workspace, pack,
      [&](const Part &p, int64_t, int64_t position, int64_t first) {
        return PackedColumns{column(p, position, first, 0)};
      },
      [](int64_t, int64_t, int64_t, int64_t) { return NothingAhead{}; });
  }

  /// Sixteen sums of all threads from element `at` on.
  BFLOAT16 ALWAYS_INLINE __m512 total(const void *workspace, int64_t threads, int64_t at) const {
    const char *from = (const char *)workspace + 4 * at;
    __m512 sum = _mm512_loadu_ps(from);
    for (int64_t thread = 1; thread < threads; thread++)
      sum = _mm512_add_ps(sum, _mm512_loadu_ps(from + thread * partByteCount()));
    return sum;
  }
};

}  // namespace ck
#endif
