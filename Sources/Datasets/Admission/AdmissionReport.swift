import FoundationEssentials
import Images

/// Why an entry of a source was not accepted; the raw value is what the report carries.
public enum RejectionCode: String, Sendable, CaseIterable, Codable {
  case empty, truncated, corrupt, link, unreadable
  case unsupportedFormat = "unsupported_format"
  case tooManyBytes = "too_many_bytes"
  case tooManyPixels = "too_many_pixels"
  case tooLargeSide = "too_large_side"
  case tooCostly = "too_costly"
  case outOfMemory = "out_of_memory"
  case unsafePath = "unsafe_path"
  case notAFile = "not_a_file"
  case duplicateName = "duplicate_name"
  case otherChannels = "other_channels"
  case damagedEntry = "damaged_entry"

  init(_ code: ImageError.Code) {
    self = RejectionCode(rawValue: code.rawValue) ?? .corrupt
  }
}

/// Something wrong with an archive as a whole, which did not keep its entries from being read.
public struct ArchiveFault: Hashable, Sendable, Codable {
  /// The kinds of faults; the raw value is what the report carries.
  public enum Code: String, Hashable, Sendable, Codable, CaseIterable {
    /// A tar without the zeros that end it.
    case noEndMark = "no_end_mark"
    /// Bytes of a tar that should be a header and are none.
    case damagedHeader = "damaged_header"
    /// Bytes behind the end that belong to no archive.
    case bytesAfterEnd = "bytes_after_end"
    /// Bytes before the beginning of a zip.
    case bytesBeforeStart = "bytes_before_start"
  }

  /// The kind of fault.
  public var code: Code
  /// What is wrong and where, as a sentence.
  public var detail: String
}

/// What admission found in a source and what it made of it.
public struct AdmissionReport: Hashable, Sendable, Codable {
  /// An entry that was not accepted.
  public struct Rejection: Hashable, Sendable, Codable {
    /// The path in the source.
    public var name: String
    /// The kind of reason.
    public var code: RejectionCode
    /// The reason as a sentence.
    public var detail: String
  }

  /// A file that is no picture.
  public struct Skipped: Hashable, Sendable, Codable {
    /// The path in the source.
    public var name: String
    /// Why: `not a picture`, `archive`, `video`, `hidden`, or whose private file it is, such as `Synology metadata`.
    public var reason: String
  }

  /// An accepted picture that repeats an earlier one: the same bytes, or nearly the same looks.
  public struct Duplicate: Hashable, Sendable, Codable {
    /// The path in the source.
    public var name: String
    /// The path of the earlier file.
    public var original: String
  }

  /// One bar of the histogram of sizes.
  public struct SizeBar: Hashable, Sendable, Codable {
    /// The least short side of the bar, in pixels: a power of two.
    public var shortSide: Int
    /// The pictures whose short side is at least this and less than twice this.
    public var count: Int
    enum CodingKeys: String, CodingKey {
      case shortSide = "short_side"
      case count
    }
  }

  /// A label's pictures.
  public struct LabelCount: Hashable, Sendable, Codable {
    /// The folder's name.
    public var name: String
    /// Pictures to learn from.
    public var train: Int
    /// Pictures to choose settings with.
    public var validation: Int
    /// Pictures to judge with.
    public var test: Int
    enum CodingKeys: String, CodingKey {
      case name, train, test
      case validation = "val"
    }
  }

  /// The report's own format.
  public var formatVersion = 3
  /// The pictures in the pack.
  public var accepted = 0
  /// Entries that were not accepted.
  public var rejectedCount = 0
  /// The first of them, at most `AdmissionLimits.listedNames`.
  public var rejected: [Rejection] = []
  /// Files that are no pictures.
  public var skippedCount = 0
  /// The first of them.
  public var skipped: [Skipped] = []
  /// All of them, by the reason.
  public var skippedReasons: [String: Int] = [:]
  /// What is wrong with the archive as a whole.
  public var archiveFaults: [ArchiveFault] = []
  /// Accepted pictures with the same bytes as an earlier one.
  public var duplicateCount = 0
  /// The first of them.
  public var duplicates: [Duplicate] = []
  /// Pictures of the test or validation part with the same bytes as one to learn from, or the other
  /// way round.
  public var duplicatesAcrossSplits = 0
  /// Accepted pictures that look like an earlier one, though their bytes differ: a lower bound.
  public var nearDuplicateCount = 0
  /// The first of them.
  public var nearDuplicates: [Duplicate] = []
  /// Of these, those that stand in another part of the data set than the earlier picture.
  public var nearDuplicatesAcrossSplits = 0
  /// The channels of every accepted picture: those that most pictures have, of equally many those of the first one. Nil
  /// where none was accepted.
  public var channels: Int?
  /// Accepted pictures by how their files store colours: `rgb`, `gray`, `palette`, `cmyk`, `planes`.
  public var channelKinds: [String: Int] = [:]
  /// Short sides of the accepted pictures as they came, by powers of two.
  public var sizes: [SizeBar] = []
  /// Accepted pictures whose pixels are all gray.
  public var grayCount = 0
  /// Accepted pictures with transparency, laid over white.
  public var alphaCount = 0
  /// Accepted pictures whose file has 16 bits per sample, of which the high byte is kept.
  public var sixteenBitCount = 0
  /// How many of the 16 bits these pictures' samples use at most, 8…16; 0 where there are none. Pictures with alpha are not
  /// looked at.
  public var sixteenBitUsedBits = 0
  /// Accepted pictures by the part of the data set: `train`, `val`, `test`.
  public var splits: [String: Int] = [:]
  /// The labels with their counts, in the order of their names; empty where there are none.
  public var labels: [LabelCount] = []
  /// Accepted pictures without a label.
  public var unlabelledCount = 0
  /// What to know before training on these pictures.
  public var advice: [String] = []
  /// The size of the pack in bytes.
  public var packByteCount = 0
  /// A hash of the pack's pictures and their order, in hexadecimal.
  public var identity = ""

  /// An empty report.
  public init() {}

  enum CodingKeys: String, CodingKey {
    case accepted, rejected, skipped, duplicates, channels, sizes, splits, labels, advice, identity
    case formatVersion = "format_version"
    case rejectedCount = "rejected_count"
    case skippedCount = "skipped_count"
    case skippedReasons = "skipped_reasons"
    case archiveFaults = "archive_faults"
    case sixteenBitCount = "sixteen_bit_count"
    case sixteenBitUsedBits = "sixteen_bit_used_bits"
    case duplicateCount = "duplicate_count"
    case duplicatesAcrossSplits = "duplicates_across_splits"
    case nearDuplicateCount = "near_duplicate_count"
    case nearDuplicates = "near_duplicates"
    case nearDuplicatesAcrossSplits = "near_duplicates_across_splits"
    case channelKinds = "channel_kinds"
    case grayCount = "gray_count"
    case alphaCount = "alpha_count"
    case unlabelledCount = "unlabelled_count"
    case packByteCount = "pack_byte_count"
  }
}

extension AdmissionReport {
  /// The report as JSON, its keys sorted.
  public func json() -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("A report is made of text and numbers only.")
    }
    return Array(data)
  }
}
