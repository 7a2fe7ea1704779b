import Images
import Synchronization
import Threads

extension Pack {
  /// How many of some pictures have an equal or a nearly equal picture among others: those that admission calls duplicates and
  /// near duplicates.
  ///
  /// Pictures of which many others are nearly alike may be missed, never counted wrongly: each is compared with a bounded number.
  ///
  /// - Parameters:
  ///   - pictures: The pictures that are counted.
  ///   - others: The pictures that they are looked for among.
  ///   - threads: Threads to decode on.
  ///   - progress: Told after some pictures how many they were, of both kinds.
  /// - Returns: how many of `pictures` have one.
  /// - Throws: `PackError` for a picture that does not read back; what `progress` throws.
  public func repeatedCount(
    of pictures: [Int], among others: [Int], threads: Int,
    progress: (Int) throws -> Void = { _ in }
  ) throws -> Int {
    var seen: Set<ContentHash> = []
    var thumbnails = ThumbnailIndex()
    try forEachLook(others, threads, progress) { number, look in
      seen.insert(look.hash)
      if let thumbnail = look.thumbnail { thumbnails.insert(thumbnail, of: number) }
    }
    var count = 0
    try forEachLook(pictures, threads, progress) { _, look in
      let isNear = look.thumbnail.map { thumbnails.nearest(to: $0) != nil } ?? false
      if isNear || seen.contains(look.hash) { count += 1 }
    }
    return count
  }

  /// What tells pictures apart.
  private struct Look: Sendable {
    var hash: ContentHash
    var thumbnail: PictureThumbnail?

    init(_ image: Raster) {
      // Of other widths, equal bytes are other pictures.
      let width = [
        UInt8(truncatingIfNeeded: image.width), UInt8(truncatingIfNeeded: image.width >> 8),
      ]
      hash = ContentHash(width + image.pixels)
      thumbnail = PictureThumbnail(image)
    }
  }

  /// Pictures that are looked at before the first is compared.
  private static let looksAtOnce = 1024

  private func forEachLook(
    _ pictures: [Int], _ threads: Int, _ progress: (Int) throws -> Void,
    _ body: (Int, Look) -> Void
  ) throws {
    for first in stride(from: 0, to: pictures.count, by: Self.looksAtOnce) {
      let group = Array(pictures[first..<min(pictures.count, first + Self.looksAtOnce)])
      for (number, look) in zip(group, try looks(at: group, threads)) { body(number, look) }
      try progress(group.count)
    }
  }

  private func looks(at pictures: [Int], _ threads: Int) throws(PackError) -> [Look] {
    let found = Mutex([Look?](repeating: nil, count: pictures.count))
    let failure = Mutex<PackError?>(nil)
    ThreadGroup(count: threads) { [self] thread in
      for place in stride(from: thread, to: pictures.count, by: threads) {
        do throws(PackError) {
          let look = Look(try image(at: pictures[place]))
          found.withLock { $0[place] = look }
        } catch {
          return failure.withLock { $0 = error }
        }
      }
    }.join()
    if let error = failure.withLock({ $0 }) { throw error }
    return found.withLock { $0.compactMap(\.self) }
  }
}
