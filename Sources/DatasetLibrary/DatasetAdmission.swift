public import Datasets
public import Images
public import Recipes

/// What the library must know of an admitted dataset to describe it.
public struct AdmittedDataset: Sendable, Hashable {
  /// Pictures in the pack.
  public var pictures: Int
  /// Pictures of each label.
  public var labels: [String: Int]
  /// Pictures of each split.
  public var splits: [String: Int]
  /// What runs learn from.
  public var size: DatasetSize

  /// The facts of a dataset.
  public init(
    pictures: Int, labels: [String: Int], splits: [String: Int], size: DatasetSize
  ) {
    self.pictures = pictures
    self.labels = labels
    self.splits = splits
    self.size = size
  }
}

/// One picture of a dataset with its label.
public struct DatasetPicture: Sendable {
  /// The pixels.
  public var image: Raster
  /// The label, if there is one.
  public var label: String?

  /// A picture with its label.
  public init(image: Raster, label: String?) {
    self.image = image
    self.label = label
  }
}

/// What turns archives and folders into datasets and reads pictures back.
public protocol DatasetAdmission: Sendable {
  /// Reads an archive or folder and makes `directory` with a pack and its `report.json`; tells `progress` how far it is.
  ///
  /// - Throws: `DatasetLibraryError`; what `directory` holds then is of no use.
  func admit(
    source: String, into directory: String,
    progress: @escaping @Sendable (AdmissionProgress) -> Void
  ) throws -> AdmittedDataset
  /// One picture of a pack.
  ///
  /// - Throws: `DatasetLibraryError.noSuchImage`; whatever reading throws.
  func picture(_ index: Int, of id: String, in directory: String) throws -> DatasetPicture
}

/// Why the library refused.
public enum DatasetLibraryError: Error, Hashable, Sendable {
  /// There is no such dataset.
  case notFound(String)
  /// There is no such picture in it.
  case noSuchImage(String, index: Int, count: Int)
  /// A run that is not over learns from it.
  case inUse(String)
  /// It is still being admitted.
  case notReady(String)
  /// The path does not lie under an allowed root.
  case pathNotAllowed(String)
  /// The bytes are no archive that is read.
  case unknownFormat
  /// More bytes than allowed.
  case tooLarge(limit: Int)
  /// The owner's datasets would take more than they may.
  case quotaExceeded(owner: String, limit: Int)
  /// No bytes at all.
  case empty
  /// The archive is broken or holds no usable picture.
  case rejected(String)
  /// No room on the disk.
  case diskFull
  /// Too many uploads at once, or the first request under the same key is not answered yet.
  case busy
  /// The key was used with another body.
  case idempotencyConflict
}
