import Durability
public import Identifiers
import JSONTree

/// What an index is of: `index.json` in its folder, published with the rest.
public struct IndexManifest: Codable, Hashable, Sendable {
  /// The version of the files that this program writes, and the newest that it reads.
  public static let newestFormat = 2

  /// The version of the files: 2 where vectors are stored in float16, else 1, which earlier programs read.
  public let format: Int
  /// Pictures that have a vector.
  public var items: Int
  /// Pictures that could not be embedded; `rejected.ndjson` lists them.
  public var rejected: Int
  /// Vectors that were taken over from an earlier index of the same model.
  public var reused: Int
  /// Components of a vector.
  public var dimension: Int
  /// The digest of the model's weights and preprocessing.
  public var fingerprint: String
  /// What was computed in.
  public var precision: String
  /// How the vectors are stored; nil in format 1, which has float32.
  public let storage: VectorStorage?
  /// The model under the name by which it was asked for.
  public var model: String
  /// Where the pictures came from: a path, or a dataset's id.
  public var source: String
  /// When the index was whole.
  public var completedAt: Timestamp

  /// How the vectors are stored.
  public var vectorStorage: VectorStorage { storage ?? .float32 }
}

extension IndexManifest {
  init(
    items: Int, rejected: Int, reused: Int, dimension: Int, fingerprint: String, precision: String,
    storage: VectorStorage, model: String, source: String, completedAt: Timestamp
  ) {
    (self.items, self.rejected, self.reused, self.dimension) = (items, rejected, reused, dimension)
    (self.fingerprint, self.precision, self.model) = (fingerprint, precision, model)
    (self.source, self.completedAt) = (source, completedAt)
    (format, self.storage) = storage == .float32 ? (1, nil) : (2, storage)
  }

  /// What every format has.
  private struct Version: Decodable { var format: Int }

  /// The manifest of the index in a folder.
  ///
  /// - Throws: `IndexError.files`, `.damaged` or `.newerVersion`.
  public init(directory: String) throws(IndexError) {
    let bytes: [UInt8]
    do throws(FileSystemError) {
      bytes = try DiskFileSystem().read(directory + "/" + IndexFile.manifest)
    } catch { throw .files(error) }
    // First of all: nobody knows what else a newer one says, and how.
    if let found = try? JSONCoding.decode(Version.self, from: bytes).format,
      found > IndexManifest.newestFormat
    {
      throw .newerVersion(found: found, supported: IndexManifest.newestFormat)
    }
    guard let manifest = try? JSONCoding.decode(IndexManifest.self, from: bytes) else {
      throw .damaged("\(IndexFile.manifest) does not read back")
    }
    self = manifest
  }
}

/// A picture that could not be embedded, and why.
public struct RejectedPicture: Codable, Hashable, Sendable {
  /// Its name in the source.
  public var name: String
  /// A word for programs.
  public var code: String
  /// A sentence.
  public var detail: String

  /// A picture of its name and what is wrong with it.
  public init(name: String, code: String, detail: String) {
    self.name = name
    self.code = code
    self.detail = detail
  }
}

/// The files of an index in its folder.
public enum IndexFile {
  /// What the index is of.
  public static let manifest = "index.json"
  /// The vectors, `[items, dimension]` of length 1 in float32 or float16, as NumPy reads them.
  public static let vectors = "vectors.npy"
  /// The same in eight bits, with scales and errors: what a search reads.
  public static let codes = "codes"
  /// Names, labels and parts of the pictures.
  public static let items = "items"
  /// Pictures without a vector, a JSON line each.
  public static let rejected = "rejected.ndjson"
  /// The model, so that pictures can be asked about however long the run's checkpoint lives.
  public static let model = "model.safetensors"
  /// What a build notes of itself, and a line for each picture that it has dealt with.
  static let (buildNote, buildLines) = ("build.json", "build.ndjson")

  private static let all = [
    manifest, vectors, codes, items, rejected, model, buildNote, buildLines,
  ]

  /// A name in a folder that no index and no build has given; nil where there is none, or no folder. A file that is being written
  /// has a longer name than it will have.
  static func foreignName(
    in directory: String, _ fileSystem: any FileSystem
  ) throws(FileSystemError) -> String? {
    guard fileSystem.isDirectory(directory) else { return nil }
    return try fileSystem.names(in: directory).sorted().first { name in
      !all.contains { name == $0 || name == $0 + ".writing" }
    }
  }
}
