using G2RL.Onnx.LargeCheckpoint;

return args switch
{
    ["ort", var folder] => OrtCheckpointRun.Run(folder),
    ["convert", var folder, "1.7b"] => ConversionRun.Run(folder, Shape.Qwen3With1700MillionParameters, decode: true),
    ["convert", var folder, "4b"] => ConversionRun.Run(folder, Shape.Qwen3With4BillionParameters, decode: false),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("""
        Usage, with a FOLDER on a disk with room; what is written there is removed again:
          LargeCheckpoint ort FOLDER             an ORT checkpoint of Qwen3-1.7B's shape, 7 GB
          LargeCheckpoint convert FOLDER 1.7b    sharded bf16 weights of that shape to ONNX, then one token of it; 12 GB of disk, 16 GB
                                                 of memory
          LargeCheckpoint convert FOLDER 4b      the conversion in Qwen3-4B's shape; 25 GB of disk
        """);
    return 2;
}
