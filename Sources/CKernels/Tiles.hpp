// How feature maps are cut into tiles of outputs, for Winograd's filtering in either type.
#pragma once
#include <stdint.h>

namespace ck {

/// The size of a feature map.
struct MapSize {
  int64_t height, width;
};

/// The tiles of all pictures, numbered picture by picture in row-major order.
struct Tiles {
  int64_t across, down, count;

  /// Tiles of `outputs` × `outputs`; those at the right and lower border may reach beyond it.
  Tiles(int64_t images, MapSize map, int outputs)
    : across((map.width + outputs - 1) / outputs), down((map.height + outputs - 1) / outputs),
      count(images * down * across) {}

  /// A tile's picture, and its row and column among that picture's tiles.
  struct Position {
    int64_t picture, row, column;
  };
  Position position(int64_t tile) const {
    return {tile / (down * across), tile / across % down, tile % across};
  }
  /// Goes on to the next tile. Dividing its number instead would take a third as long as the tile's transformation.
  void advance(Position &at) const {
    if (++at.column < across) return;
    at.column = 0;
    if (++at.row < down) return;
    at.row = 0;
    at.picture++;
  }
};

}  // namespace ck
