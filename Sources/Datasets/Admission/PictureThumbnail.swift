import Images

/// A picture in 9 x 8 gray levels with the signs of their differences: what near duplicates share whatever
/// their size, format and quality.
///
/// The 64 signs are the difference hash (dHash): whether a level is less than its right neighbour.
struct PictureThumbnail: Hashable, Sendable {
  /// 72 levels, row by row.
  let levels: [UInt8]
  /// Bit `8 · row + column` is the sign there.
  let signs: UInt64

  private static let (columns, rows) = (9, 8)
  /// Pictures whose levels differ less than this say too little to be compared.
  private static let leastContrast: UInt8 = 16
  /// Two pictures are nearly equal when at most this many signs differ …
  static let signsApart = 3
  /// … and their levels differ by at most this on average.
  static let levelsApart = 5

  /// The thumbnail of a picture; nil where it is too even to be compared.
  init?(_ image: Raster) {
    let small = image.resized(width: Self.columns, height: Self.rows, filter: .bilinear).shown
    let levels = (0..<Self.columns * Self.rows).map { (place: Int) -> UInt8 in
      let (red, green, blue) = small[place % Self.columns, place / Self.columns]
      let sum: Int = 299 * Int(red) + 587 * Int(green) + 114 * Int(blue)
      return UInt8(sum / 1000)
    }
    self.init(levels: levels)
  }

  /// The thumbnail with these levels; nil where they are not 72 or too even.
  init?(levels: [UInt8]) {
    guard levels.count == Self.columns * Self.rows, let least = levels.min(),
      let greatest = levels.max(), greatest - least >= Self.leastContrast
    else { return nil }
    self.levels = levels
    var signs: UInt64 = 0
    for row in 0..<Self.rows {
      for column in 0..<Self.columns - 1 {
        let place = row * Self.columns + column
        if levels[place] < levels[place + 1] { signs |= 1 << UInt64(row * 8 + column) }
      }
    }
    self.signs = signs
  }

  /// True where a person would hardly tell the pictures apart.
  func isNear(_ other: PictureThumbnail) -> Bool {
    guard (signs ^ other.signs).nonzeroBitCount <= Self.signsApart else { return false }
    let sum = zip(levels, other.levels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    return sum <= Self.levelsApart * levels.count
  }
}

/// Finds earlier thumbnails near a new one.
///
/// Signs that differ in three bits at most agree in one of four quarters at least, so only thumbnails that share a
/// quarter are compared; of those the latest `candidates` per quarter, so that many alike do not take
/// quadratic time.
struct ThumbnailIndex {
  private static let candidates = 32
  private var thumbnails: [Int: PictureThumbnail] = [:]
  private var places: [UInt32: [Int]] = [:]

  /// Adds a picture's thumbnail; returns the number of an earlier picture that is nearly equal.
  mutating func add(_ thumbnail: PictureThumbnail, of picture: Int) -> Int? {
    let near = nearest(to: thumbnail)
    insert(thumbnail, of: picture)
    return near
  }

  /// The number of a picture that is nearly equal.
  func nearest(to thumbnail: PictureThumbnail) -> Int? {
    for key in Self.keys(thumbnail) {
      if let near = places[key]?.first(where: { thumbnails[$0]?.isNear(thumbnail) == true }) {
        return near
      }
    }
    return nil
  }

  /// Adds a picture's thumbnail.
  mutating func insert(_ thumbnail: PictureThumbnail, of picture: Int) {
    for key in Self.keys(thumbnail) {
      var list = places[key] ?? []
      if list.count == Self.candidates { list.removeFirst() }
      list.append(picture)
      places[key] = list
    }
    thumbnails[picture] = thumbnail
  }

  /// A key for each quarter of the signs.
  private static func keys(_ thumbnail: PictureThumbnail) -> [UInt32] {
    (0..<4).map { quarter in
      UInt32(quarter) << 16
        | UInt32(truncatingIfNeeded: thumbnail.signs >> UInt64(16 * quarter)) & 0xFFFF
    }
  }
}
