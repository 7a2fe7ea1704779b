public import Durability
public import EmbeddingService

/// The vectors of all pictures of a source, on their way to where they belong.
public struct EmbeddedPictures: Sendable {
  /// The vectors with their pictures.
  public let listing: VectorListing
  /// Pictures without a vector.
  public let rejected: [RejectedPicture]
  /// The vectors as a NumPy file, whole and flushed to the disk; may be moved to another place on the same disk.
  public let vectorFile: String

  /// The pictures without a vector, a JSON line each.
  public var rejectedLines: [UInt8] { rejected.flatMap(jsonLine) }
}

extension IndexBuild {
  /// Embeds the pictures of a source as `run` does, gone on with in the same way, and makes no index of them: no codes, no table
  /// of items, no copy of the model. Afterwards nothing is left in `partial(of: directory)`.
  ///
  /// - Parameters:
  ///   - source: The pictures.
  ///   - loader: What opens the model.
  ///   - take: Puts what was computed where it belongs.
  /// - Returns: what `take` was given.
  /// - Throws: `IndexError`; `.files` with what `take` throws. What was computed stays for the next time then, unless
  ///   `take` has moved it.
  @discardableResult
  public func vectors(
    of source: any PictureSource, loader: EncoderLoader,
    take: (EmbeddedPictures) throws(FileSystemError) -> Void
  ) throws(IndexError) -> EmbeddedPictures {
    let (journal, model) = try embed(source, loader: loader)
    try journal.finishVectors()
    let path = journal.directory + "/" + IndexFile.vectors
    let file = try VectorFile(
      path: path, rows: journal.rows, dimension: model.dimension, storage: storage)
    let (items, _) = Self.items(of: journal.entries, source)
    let embedded = EmbeddedPictures(
      listing: VectorListing(
        count: journal.rows, dimension: model.dimension, fingerprint: model.fingerprint,
        vectors: file
      ) { items[$0] },
      rejected: Self.rejected(journal.entries), vectorFile: path)
    do throws(FileSystemError) {
      try take(embedded)
      try journal.removeNotes()
      try fileSystem.removeAll(journal.directory)
    } catch { throw .files(error) }
    return embedded
  }
}
