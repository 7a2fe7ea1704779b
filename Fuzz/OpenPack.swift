import Datasets
import Glibc

/// Any bytes as a pack: the first four say where the index ends and the pack begins. An error or a pack
/// whose pictures can all be asked for, never a crash. The index's checksum is put right, so that the
/// parser behind it is reached.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
  guard input.count >= 4 else { return 0 }
  let wanted = Int(input[0]) << 16 | Int(input[1]) << 8 | Int(input[2])
  let split = 4 + min(wanted, input.count - 4)
  let index = withChecksum(Array(input[4..<split]))
  for (name, part) in [("index", index), ("pack", Array(input[split...]))] {
    write(part, to: directory + "/" + name)
  }
  guard let pack = try? Pack(directory: directory) else { return 0 }
  for number in 0..<min(pack.count, 50) {
    _ = pack[number]
    _ = try? pack.image(at: number)
  }
  return 0
}

private let directory: String = {
  let path = "/tmp/byol-fuzz-pack-\(getpid())"
  mkdir(path, 0o700)
  return path
}()

private func withChecksum(_ index: [UInt8]) -> [UInt8] {
  let body = Array(index.dropLast(4))
  let sum = checksum(body)
  return body + (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * UInt32($0))) }
}

/// CRC-32, bit by bit.
private func checksum(_ bytes: [UInt8]) -> UInt32 {
  var sum: UInt32 = 0xFFFF_FFFF
  for byte in bytes {
    sum ^= UInt32(byte)
    for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
  }
  return ~sum
}

private func write(_ bytes: [UInt8], to path: String) {
  guard let file = unsafe fopen(path, "w") else { return }
  unsafe fwrite(bytes, 1, bytes.count, file)
  unsafe fclose(file)
}
