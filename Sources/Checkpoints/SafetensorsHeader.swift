import JSONTree
import Tensors

/// The checked header of a safetensors file.
struct SafetensorsHeader {
  /// One array: where it lies and what it is.
  struct Entry {
    let name: String
    let elementType: ElementType
    let shape: Shape
    /// Within the data section.
    let byteRange: Range<Int>
  }

  /// By place in the file, back to back.
  let entries: [Entry]
  let metadata: [String: String]
  /// The offset of the data section in the file.
  let dataStart: Int

  init(parsing bytes: [UInt8], path: String) throws(CheckpointError) {
    guard bytes.count >= 8 else {
      throw .wrongSize(path: path, expected: 8, found: bytes.count)
    }
    let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << (8 * UInt64($1)) }
    guard length <= UInt64(Safetensors.maximumHeaderByteCount) else {
      throw .malformedHeader(path: path, reason: "its header has \(length) bytes")
    }
    let start = 8 + Int(length)
    guard bytes.count >= start else {
      throw .wrongSize(path: path, expected: start, found: bytes.count)
    }
    do throws(MalformedHeader) {
      let object = try SafetensorsHeader.object([UInt8](bytes[8..<start]))
      metadata = try SafetensorsHeader.metadata(object["__metadata__"])
      entries = try SafetensorsHeader.entries(object)
    } catch {
      throw .malformedHeader(path: path, reason: error.reason)
    }
    dataStart = start
    let end = start + (entries.last?.byteRange.upperBound ?? 0)
    guard bytes.count == end else {
      throw .wrongSize(path: path, expected: end, found: bytes.count)
    }
  }
}

private struct MalformedHeader: Error {
  let reason: String
}

extension SafetensorsHeader {
  private static func object(_ text: [UInt8]) throws(MalformedHeader) -> JSONObject {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue(parsing: text)
    } catch {
      throw MalformedHeader(reason: "\(error)")
    }
    guard let object = value.objectValue else {
      throw MalformedHeader(reason: "the header is not an object")
    }
    return object
  }

  private static func metadata(_ value: JSONValue?) throws(MalformedHeader) -> [String: String] {
    guard let value else { return [:] }
    guard let object = value.objectValue else {
      throw MalformedHeader(reason: "__metadata__ is not an object")
    }
    var metadata: [String: String] = [:]
    for member in object.members {
      guard let text = member.value.stringValue else {
        throw MalformedHeader(reason: "\(member.name) in __metadata__ is not a string")
      }
      metadata[member.name] = text
    }
    return metadata
  }

  /// The entries by place; they must cover the data section without gap or overlap.
  private static func entries(_ object: JSONObject) throws(MalformedHeader) -> [Entry] {
    var entries: [Entry] = []
    for member in object.members where member.name != "__metadata__" {
      entries.append(try entry(member.name, member.value))
    }
    entries.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound)
        < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var end = 0
    for entry in entries {
      guard entry.byteRange.lowerBound == end else {
        throw MalformedHeader(reason: "\(entry.name) does not begin where the array before ends")
      }
      end = entry.byteRange.upperBound
    }
    return entries
  }

  private static func entry(_ name: String, _ value: JSONValue) throws(MalformedHeader) -> Entry {
    guard let object = value.objectValue, let typeName = object["dtype"]?.stringValue,
      let dimensions = integers(object["shape"]), let offsets = integers(object["data_offsets"]),
      offsets.count == 2, offsets[0] <= offsets[1], dimensions.count <= 8
    else { throw MalformedHeader(reason: "\(name) is not described as the format says") }
    guard let elementType = ElementType(rawValue: typeName) else {
      throw MalformedHeader(reason: "\(name) is of type \(typeName), not F32, I64 or U8")
    }
    var byteCount = elementType.byteCount
    for dimension in dimensions {
      let (product, overflow) = byteCount.multipliedReportingOverflow(by: dimension)
      guard !overflow else { throw MalformedHeader(reason: "\(name) is too large") }
      byteCount = product
    }
    guard offsets[1] - offsets[0] == byteCount else {
      throw MalformedHeader(reason: "the shape and the offsets of \(name) contradict each other")
    }
    return Entry(
      name: name, elementType: elementType, shape: Shape(dimensions),
      byteRange: offsets[0]..<offsets[1])
  }

  /// An array of integers that are not negative, or nil.
  private static func integers(_ value: JSONValue?) -> [Int]? {
    guard let elements = value?.arrayValue else { return nil }
    let integers = elements.compactMap { $0.integerValue.flatMap { Int(exactly: $0) } }
    return integers.count == elements.count && integers.allSatisfy { $0 >= 0 } ? integers : nil
  }
}

extension SafetensorsHeader.Entry {
  /// The array's elements, copied out of the file's bytes.
  func array(in bytes: [UInt8], dataStart: Int) -> CheckpointArray {
    let start = dataStart + byteRange.lowerBound
    let count = shape.elementCount
    let values: CheckpointArray.Values =
      switch elementType {
      case .float32: .float32(copied(bytes, from: start, count: count, zero: 0))
      case .int64: .int64(copied(bytes, from: start, count: count, zero: 0))
      case .uint8: .uint8(copied(bytes, from: start, count: count, zero: 0))
      }
    return CheckpointArray(name: name, shape: shape, values: values)
  }

  private func copied<Element: BitwiseCopyable>(
    _ bytes: [UInt8], from start: Int, count: Int, zero: Element
  ) -> [Element] {
    var elements = [Element](repeating: zero, count: count)
    let end = start + count * MemoryLayout<Element>.stride
    unsafe bytes.withUnsafeBytes { source in
      unsafe elements.withUnsafeMutableBytes { target in
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<end]))
      }
    }
    return elements
  }
}
