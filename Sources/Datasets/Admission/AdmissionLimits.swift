public import Images

/// What a source may cost before it is refused.
public struct AdmissionLimits: Hashable, Sendable {
  /// What one picture may cost.
  public var image = ImageLimits()
  /// Entries (files, links, everything but folders) at most; 2 million by default.
  public var entryCount = 2_000_000
  /// Bytes of the whole source at most, archives after decompression; 256 GiB by default.
  public var totalByteCount = 256 << 30
  /// Bytes of an entry's path at most; 1,024 by default.
  public var pathByteCount = 1_024
  /// Folders within folders at most; 32 by default.
  public var depth = 32
  /// Bytes that all decoding at once may hold, whatever the number of threads; 1 GiB by default. A picture that needs more by
  /// itself is decoded alone.
  public var decodingByteCount = 1 << 30
  /// Rejected, skipped and duplicate names that the report lists at most, each; 1,000 by default. All
  /// of them are counted.
  public var listedNames = 1_000

  /// The defaults.
  public init() {}

  var depthDetail: String { "More than \(depth) folders deep." }
}

/// Why a source cannot become a data set at all.
public enum AdmissionError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Nothing is there, or it cannot be read.
  case unreadableSource(String)
  /// The file is no archive of a kind that is read.
  case unsupportedArchive(String)
  /// The archive ends early or breaks its format's rules.
  case brokenArchive(String)
  /// More entries than allowed.
  case tooManyEntries(limit: Int)
  /// More bytes than allowed, after decompression.
  case tooManyBytes(limit: Int)
  /// Not one picture was accepted; the report says what was wrong with each.
  case noPictures(AdmissionReport)
  /// The pack could not be written.
  case pack(PackError)

  /// The kind of failure as reports and replies carry it.
  public var code: String {
    switch self {
    case .unreadableSource: "unreadable_source"
    case .unsupportedArchive: "unsupported_archive"
    case .brokenArchive: "broken_archive"
    case .tooManyEntries: "too_many_entries"
    case .tooManyBytes: "too_many_bytes"
    case .noPictures: "no_pictures"
    case .pack: "pack_not_written"
    }
  }

  /// A sentence for people.
  public var description: String {
    switch self {
    case .unreadableSource(let detail), .unsupportedArchive(let detail): detail
    case .brokenArchive(let detail): "The archive is broken or ends early: \(detail)"
    case .tooManyEntries(let limit): "The source has more than \(limit) entries."
    case .tooManyBytes(let limit): "The source has more than \(limit) bytes once decompressed."
    case .noPictures(let report):
      "No picture was accepted: \(report.rejectedCount) rejected, \(report.skippedCount) skipped."
    case .pack(let error): "The pack could not be written: \(error)"
    }
  }
}
