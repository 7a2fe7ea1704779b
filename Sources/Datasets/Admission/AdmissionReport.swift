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

  init(_ code: ImageError.Code) {
    self = RejectionCode(rawValue: code.rawValue) ?? .corrupt
  }
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
    /// Why: `not a picture` or `hidden`.
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
  public var formatVersion = 2
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
  /// The channels of every accepted picture; those of the first one decide. Nil where none was accepted.
  public var channels: Int?
  /// Accepted pictures by how their files store colours: `rgb`, `gray`, `palette`, `cmyk`, `planes`.
  public var channelKinds: [String: Int] = [:]
  /// Short sides of the accepted pictures as they came, by powers of two.
  public var sizes: [SizeBar] = []
  /// Accepted pictures whose pixels are all gray.
  public var grayCount = 0
  /// Accepted pictures with transparency, laid over white.
  public var alphaCount = 0
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
