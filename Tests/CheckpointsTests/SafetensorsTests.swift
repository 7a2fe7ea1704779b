import Checkpoints
import Durability
import Foundation
import Tensors
import Testing

@Suite struct `Safetensors files` {
  private let folder: TemporaryFolder
  private var path: String { folder.path + "/file.safetensors" }

  init() throws { folder = try TemporaryFolder() }

  private let sample = Safetensors(
    arrays: [
      CheckpointArray(
        NamedTensor(
          name: "b.weight", shape: [2, 3], values: [1, -2.5, 3.14159, 0, -0.0, 0x1p-133])),
      CheckpointArray(name: "step", shape: [], values: .int64([-7])),
      CheckpointArray(name: "a.bytes", shape: [3], values: .uint8([0, 127, 255])),
      CheckpointArray(NamedTensor(name: "none", shape: [0, 4], values: [])),
      CheckpointArray(NamedTensor(name: "odd", shape: [1], values: [.nan])),
    ], metadata: ["step": "12", "über": "\"quoted\"\n"])

  @Test func `what is written reads back bit for bit`() throws {
    try sample.write(to: path)
    let read = try Safetensors(reading: path)
    #expect(read.metadata == sample.metadata)
    #expect(Set(read.arrays.map(\.name)) == Set(sample.arrays.map(\.name)))
    for array in sample.arrays where array.name != "odd" {
      #expect(read[array.name] == array)
    }
    let zeros = try #require(read["b.weight"]?.tensor)
    #expect(
      zeros.values.map(\.bitPattern)
        == [1, -2.5, 3.14159, 0, -0.0, 0x1p-133].map { Float($0).bitPattern })
    #expect(read["odd"]?.tensor?.values[0].isNaN == true)
  }

  @Test func `the data begins at a multiple of 8 and larger elements come first`() throws {
    try sample.write(to: path)
    let bytes = try DiskFileSystem().read(path)
    let length = Int(bytes[0]) + Int(bytes[1]) << 8
    #expect(length % 8 == 0)
    #expect(
      try Safetensors(reading: path).arrays.map(\.name)
        == ["step", "b.weight", "none", "odd", "a.bytes"])
    #expect(bytes.count == 8 + length + 8 + 24 + 4 + 3)
  }

  @Test func `the same contents give the same digest, others another`() throws {
    let first = try sample.write(to: path)
    #expect(try sample.write(to: path) == first)
    var other = sample
    other.metadata["step"] = "13"
    #expect(try other.write(to: path) != first)
  }

  @Test func `every single changed byte is noticed`() throws {
    try sample.write(to: path)
    let bytes = try DiskFileSystem().read(path)
    let damaged = folder.path + "/damaged"
    for position in bytes.indices {
      var copy = bytes
      copy[position] ^= 0x04
      try Data(copy).write(to: URL(fileURLWithPath: damaged))
      #expect(throws: CheckpointError.self, "byte \(position)") {
        try Safetensors(reading: damaged)
      }
    }
  }

  @Test func `every shortened or lengthened file is refused`() throws {
    try sample.write(to: path)
    let bytes = try DiskFileSystem().read(path)
    let damaged = folder.path + "/damaged"
    for count in bytes.indices {
      try Data(bytes[..<count]).write(to: URL(fileURLWithPath: damaged))
      #expect(throws: CheckpointError.self, "\(count) bytes") { try Safetensors(reading: damaged) }
    }
    try Data(bytes + [0]).write(to: URL(fileURLWithPath: damaged))
    #expect(
      throws: CheckpointError.wrongSize(
        path: damaged, expected: bytes.count, found: bytes.count + 1)
    ) {
      try Safetensors(reading: damaged)
    }
  }

  @Test(arguments: [
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#,
    #"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
    #"{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[4611686018427387904,4611686018427387904],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
    #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
    #"{"a":1}"#, "[]", "", #"{"__metadata__":{"a":1}}"#,
  ])
  func `a header that contradicts itself or the file is refused`(header: String) throws {
    try write(header: header, data: [UInt8](repeating: 0, count: 8))
    let error = #expect(throws: CheckpointError.self) { try Safetensors(reading: path) }
    // Not for want of a digest: the header is judged first.
    #expect(error != .digestMissing(path: path))
  }

  private func write(header: String, data: [UInt8]) throws {
    let length = UInt64(header.utf8.count)
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
    try Data(prefix + Array(header.utf8) + data).write(to: URL(fileURLWithPath: path))
  }

  @Test func `another program's file, without our digest, is refused`() throws {
    try write(
      header: #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#,
      data: [0, 0, 0x80, 0x3F])
    #expect(throws: CheckpointError.digestMissing(path: path)) { try Safetensors(reading: path) }
  }

  @Test func `a header length beyond the file is refused before anything is reserved`() throws {
    try Data([UInt8](repeating: 0xFF, count: 64)).write(to: URL(fileURLWithPath: path))
    #expect(throws: CheckpointError.self) { try Safetensors(reading: path) }
  }
}
