public import Datasets
public import Images

/// A picture on its way into an index.
public struct SourcePicture: Sendable {
  /// The path in the source, with `/`.
  public var name: String
  /// The label; nil where there is none, or the names of all pictures will tell.
  public var label: String?
  /// The part of the data set.
  public var split: Split
  /// Reads and decodes it, on any thread.
  public var load: @Sendable () throws(UnreadablePicture) -> (image: Raster, content: ContentHash)

  /// A picture of its parts.
  public init(
    name: String, label: String?, split: Split,
    load: @escaping @Sendable () throws(UnreadablePicture) -> (image: Raster, content: ContentHash)
  ) {
    self.name = name
    self.label = label
    self.split = split
    self.load = load
  }
}

/// Why a picture has no vector.
public struct UnreadablePicture: Error, Codable, Hashable, Sendable {
  /// A word for programs.
  public var code: String
  /// A sentence.
  public var detail: String

  /// A reason.
  public init(code: String, detail: String) {
    self.code = code
    self.detail = detail
  }
}

/// Where the pictures of an index come from, one after the other, in the same order each time. Used under a lock.
public protocol PictureSource: AnyObject {
  /// What tells this source from another; where it is the same, an interrupted build goes on.
  var identity: String { get }
  /// How many pictures there will be, where that is known beforehand.
  var expectedCount: Int? { get }
  /// The next picture; nil at the end.
  ///
  /// - Throws: `IndexError.source`.
  func next() throws(IndexError) -> SourcePicture?
  /// Labels and parts of all pictures by their names, where only all of them together tell; nil where each picture has
  /// told its own.
  func places(of names: [String]) -> [(label: String?, split: Split)]?
}

/// The pictures of an admitted data set.
public final class PackPictures: PictureSource {
  private let pack: Pack
  private var index = 0
  /// What tells this source from another.
  public let identity: String

  /// The pictures of a pack, in its order.
  public init(_ pack: Pack) {
    self.pack = pack
    identity = "pack \(pack.identity)"
  }

  /// The pictures of the pack.
  public var expectedCount: Int? { pack.count }

  /// The next picture; nil at the end.
  public func next() -> SourcePicture? {
    guard index < pack.count else { return nil }
    defer { index += 1 }
    let (number, entry) = (index, pack[index])
    return SourcePicture(
      name: entry.name, label: entry.label.map { pack.labels[$0] }, split: entry.split
    ) { [pack] () throws(UnreadablePicture) in
      do throws(PackError) {
        let image = try pack.image(at: number)
        return (image, ContentHash(image.pixels))
      } catch {
        throw UnreadablePicture(code: "altered", detail: "\(error)")
      }
    }
  }

  /// Nothing: each picture has told its own.
  public func places(of names: [String]) -> [(label: String?, split: Split)]? { nil }
}

/// The pictures of a folder or an archive, read as they are.
public final class FilePictures: PictureSource {
  private let entries: PictureEntries
  private let limits: ImageLimits
  private let memory: DecodingMemory
  /// What tells this source from another.
  public let identity: String

  /// The pictures of a source.
  ///
  /// - Throws: `IndexError.source`.
  public init(_ source: DatasetSource, limits: AdmissionLimits = AdmissionLimits())
    throws(IndexError)
  {
    do throws(AdmissionError) {
      entries = try PictureEntries(source, limits: limits)
    } catch { throw .source("\(error)") }
    self.limits = limits.image
    memory = DecodingMemory(byteLimit: limits.decodingByteCount)
    identity = entries.identity
  }

  /// Unknown: the source is read once.
  public var expectedCount: Int? { nil }

  /// The next picture; nil at the end.
  ///
  /// - Throws: `IndexError.source`.
  public func next() throws(IndexError) -> SourcePicture? {
    do throws(AdmissionError) {
      guard let entry = try entries.next() else { return nil }
      return SourcePicture(name: entry.name, label: nil, split: .train) {
        [limits, memory] () throws(UnreadablePicture) in
        let bytes: [UInt8]
        do throws(RefusedEntry) { bytes = try entry.bytes() } catch {
          throw UnreadablePicture(code: error.code, detail: error.detail)
        }
        do throws(ImageError) {
          let header = try readHeader(of: bytes, limits: limits)
          return try memory.hold(header.decodingByteCount) { () throws(ImageError) in
            (try decode(bytes, limits: limits), ContentHash(bytes))
          }
        } catch {
          throw UnreadablePicture(code: error.code.rawValue, detail: error.detail)
        }
      }
    } catch { throw .source("\(error)") }
  }

  /// Labels and parts by the folders in all names together.
  public func places(of names: [String]) -> [(label: String?, split: Split)]? {
    labelsAndSplits(of: names)
  }
}
