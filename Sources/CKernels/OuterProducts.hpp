// Sums of outer products in bfloat16: the gradient of a convolution's weights, where each term is a place's
// gradients times its pixels.
//
// Places come in pairs, side by side as the processor multiplies them. A thread packs a piece of its share of
// the places, which stays in its second cache, and adds it to sums of its own; what the threads summed is
// added up at the end.
#pragma once
#include "Products.hpp"

#if defined(__x86_64__)
namespace ck {

/// Lines of the cache that the next piece is packed from, `step` elements apart: they are asked for while products
/// keep the processor busy, since packing would wait for each. A step of 0 asks for nothing new.
struct LinesAhead {
  const bfloat16 *from;
  int64_t step;

  ALWAYS_INLINE void ask(int64_t line) const { _mm_prefetch(from + line * step, _MM_HINT_T1); }
};

/// For pieces whose packing is not what waits for memory.
struct NothingAhead {
  void ask(int64_t) const {}
};

/// sums[position][row][column] = Σ over places of rows(place)[row] · columns(place)[column].
struct OuterProducts {
  int64_t positions, rowCount, columnCount, places;
  /// Pairs of places of a piece.
  int64_t pairs;

  /// A thread's part of the workspace: its sums, and a packed piece as
  /// [position][tile of rows][pair][row][2] and [position][tile of columns][pair][column][2].
  struct Part {
    float *sums;
    bfloat16 *rows, *columns;
  };

  OuterProducts(int64_t positions, int64_t rowCount, int64_t columnCount, int64_t places)
    : positions(positions), rowCount(rowCount), columnCount(columnCount), places(places) {
    // A piece fills half of a second cache of 1 MiB and a tile of its columns half of a first cache of 48 KiB,
    // but it is long enough that the sums, which a piece reads and writes once, are not what it waits for.
    const int64_t fitting = 512 * 1024 / (4 * positions * (rowCount + columnCount));
    pairs = fitting < 48 ? 48 : fitting > 192 ? 192 : fitting;
    const int64_t all = (places + 1) / 2;
    if (pairs > all) pairs = all;
  }

  int64_t sumCount() const { return positions * rowCount * columnCount; }
  /// Elements from one position to the next; a line of the cache apart.
  int64_t rowStride() const { return rowCount * pairs * 2 + 32; }
  int64_t columnStride() const { return columnCount * pairs * 2 + 32; }
  int64_t partByteCount() const {
    return 4 * sumCount() + 2 * positions * (rowStride() + columnStride());
  }

  Part part(void *workspace, int64_t thread) const {
    float *sums = (float *)((char *)workspace + thread * partByteCount());
    bfloat16 *rows = (bfloat16 *)(sums + sumCount());
    return {sums, rows, rows + positions * rowStride()};
  }

  /// Where pair `pair` of 16 columns or rows from `first` on lies.
  bfloat16 *column(const Part &p, int64_t position, int64_t first, int64_t pair) const {
    const int64_t tile = first / tileColumns, left = columnCount - tile * tileColumns;
    const int64_t width = left < tileColumns ? left : tileColumns;
    return p.columns + position * columnStride()
      + (tile * tileColumns * pairs + pair * width + first - tile * tileColumns) * 2;
  }
  bfloat16 *row(const Part &p, int64_t position, int64_t first, int64_t pair) const {
    return p.rows + position * rowStride() + (first * pairs + pair * tileRows) * 2;
  }
  /// Stores a pair of 16 rows, which are two tiles.
  BFLOAT16 ALWAYS_INLINE void storeRows(bfloat16 *to, __m512i both) const {
    _mm256_storeu_si256((__m256i *)to, _mm512_castsi512_si256(both));
    _mm256_storeu_si256(
      (__m256i *)(to + pairs * tileRows * 2), _mm512_extracti64x4_epi64(both, 1));
  }

  /// Adds `count` packed pairs to one tile of the sums, or begins it with them; meanwhile it asks `ahead`
  /// for a line of the cache with every other pair.
  template <int vectors, class Ahead>
  BFLOAT16 void addToTile(
    const Part &p, int64_t position, int64_t rowTile, int64_t columnTile, int64_t count,
    bool begins, Ahead ahead) const {
    const bfloat16 *rows = row(p, position, rowTile, 0);
    const bfloat16 *columns = column(p, position, columnTile, 0);
    float *to = p.sums + (position * rowCount + rowTile) * columnCount + columnTile;
    TileSums<vectors> sums;
    for (int i = 0; i < tileRows; i++)
      for (int v = 0; v < vectors; v++)
        sums.lanes[i][v] =
          begins ? _mm512_setzero_ps() : _mm512_loadu_ps(to + i * columnCount + v * 16);
#pragma clang loop unroll_count(4)
    for (int64_t pair = 0; pair < count; pair++) {
      ahead.ask(pair / 2);
      addProducts<vectors>(
        sums, columns + pair * vectors * 32,
        [&](int i) __attribute__((always_inline)) { return rows + (pair * tileRows + i) * 2; });
    }
    for (int i = 0; i < tileRows; i++)
      for (int v = 0; v < vectors; v++)
        _mm512_storeu_ps(to + i * columnCount + v * 16, sums.lanes[i][v]);
  }

  /// Adds `count` packed pairs to the sums, or begins them; `ahead(tile)` is what is asked for meanwhile.
  template <class AheadOf>
  void add(const Part &p, int64_t count, bool begins, AheadOf ahead) const {
    int64_t tile = 0;
    for (int64_t position = 0; position < positions; position++)
      for (int64_t column = 0; column < columnCount; column += tileColumns)
        for (int64_t row = 0; row < rowCount; row += tileRows) {
          if (columnCount - column >= tileColumns)
            addToTile<2>(p, position, row, column, count, begins, ahead(tile++));
          else
            addToTile<1>(p, position, row, column, count, begins, ahead(tile++));
        }
  }

  /// A thread's share of all places: `pack(part, first, last)` packs the places of a piece, and `ahead(first, tile)`
  /// tells what of the piece from place `first` on to ask for while a tile of the one before is summed.
  template <class Pack, class AheadOf>
  void addShare(void *workspace, Pack pack, AheadOf ahead) const {
    const Share mine = share((places + 1) / 2);
    const Part p = part(workspace, mine.thread);
    if (mine.first == mine.last) memset(p.sums, 0, 4 * sumCount());
    for (int64_t first = mine.first; first < mine.last; first += pairs) {
      const int64_t last = first + pairs < mine.last ? first + pairs : mine.last;
      pack(p, 2 * first, 2 * last < places ? 2 * last : places);
      add(p, last - first, first == mine.first, [&](int64_t tile) {
        return ahead(last < mine.last ? 2 * last : 2 * first, tile);
      });
    }
  }

  template <class Pack>
  void addShare(void *workspace, Pack pack) const {
    addShare(workspace, pack, [](int64_t, int64_t) { return NothingAhead{}; });
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
