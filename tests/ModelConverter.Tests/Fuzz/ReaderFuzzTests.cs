using System.Text;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Converter.Tests.Gguf;
using G2RL.Onnx.Files;
using G2RL.Onnx.Graphs.Tests.Checkpoints;
using G2RL.Onnx.Models;
using G2RL.Onnx.TestSupport;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Converter.Tests.Fuzz;

/// <summary>
/// Every reader of files that somebody else wrote, see <see cref="Fuzzing"/>. How much memory each may take is said beside it: about four
/// times what 100,000 inputs took at most.
/// </summary>
[TestClass]
public sealed class ReaderFuzzTests
{
    private const long KiB = 1024;

    [TestMethod]
    public void SafeTensors()
    {
        using var folder = new TemporaryFolder();
        var path = folder["x.safetensors"];
        SafeTensorsWriter.Write(path,
        [
            TensorToWrite.Floats("model.embed.weight", SafeTensorsDtype.F32, [4, 3], _ => new float[12]),
            TensorToWrite.Floats("model.norm.weight", SafeTensorsDtype.BF16, [5], _ => new float[5]),
            TensorToWrite.Floats("half", SafeTensorsDtype.F16, [], _ => new float[1]),
            new TensorToWrite("ids", SafeTensorsDtype.I64, [2, 1], stream => stream.Write(new byte[16])),
            new TensorToWrite("none", SafeTensorsDtype.U8, [0, 7], _ => { }),
        ], new Dictionary<string, string>(StringComparer.Ordinal) { ["format"] = "pt", ["note"] = "é" });
        var samples = new[] { File.ReadAllBytes(path), Encoding.UTF8.GetBytes("\x2\0\0\0\0\0\0\0{}") };
        var result = Fuzzing.Run("safetensors", random => Mutation.Of(random, samples, hot: 0, isText: true), (bytes, _) =>
        {
            File.WriteAllBytes(path, bytes);
            using var file = SafeTensorsFile.Open(path);
            foreach (var tensor in file.Tensors.Values)
                if (tensor.Dtype.IsWeight())
                    file.ReadFloats(tensor.Name, new float[tensor.Count]);
                else
                    Assert.AreEqual(tensor.Length, file.RawBytes(tensor.Name).Length);
        }, allowedBytes: 256 * KiB, allowedMultiple: 32);
        Assert.IsGreaterThan(Fuzzing.Inputs / 2, result.Refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, result.Accepted);
    }

    [TestMethod]
    public void Gguf()
    {
        using var folder = new TemporaryFolder();
        TestModels.Write(folder["hf"], TestModels.Qwen3);
        var model = GgufWriter.Of(folder["hf"]);
        var good = model.Set("tokenizer.ggml.model", "gpt2")
            .Set("tokenizer.ggml.pre", "qwen2")
            .Set("tokenizer.ggml.tokens", (string[])["a", "b", "ab", "<e>"])
                .Set("tokenizer.ggml.token_type", (int[])[1, 1, 1, 3])
            .Set("tokenizer.ggml.merges", (string[])["a b"])
            .Bytes();
        var header = good.Length - model.Tensors.Sum(t => t.Data.Length);
        model.Version = 2;
        var old = model.Set("qwen3.rope.scaling.type", "yarn")
            .Set("qwen3.rope.scaling.factor", 4f)
            .Set("qwen3.rope.scaling.original_context_length", 16u)
            .Bytes();
        var scored = model.Set("tokenizer.ggml.model", "llama")
            .Set("tokenizer.ggml.scores", (float[])[0, -1, -2, 0])
            .Set("tokenizer.ggml.bos_token_id", 3u)
            .Bytes();
        var path = folder["x.gguf"];
        var result = Fuzzing.Run("gguf", random => Mutation.Of(random, [good, old, scored], header, isText: false), (bytes, round) =>
        {
            File.WriteAllBytes(path, bytes);
            using var file = GgufFile.Open(path);
            foreach (var tensor in file.Tensors.Values)
                file.ReadFloats(tensor.Name, 0, new float[tensor.Count]);
            _ = file.Describe().Count();
            GgufTokenizer.Write(GgufModel.Read(file).Keys, path);
            // The disk is waited for: seldom.
            if (round % 100 != 0)
                return;
            GgufConversion.ToHuggingFace(path, folder["out"]);
            Directory.Delete(folder["out"], recursive: true);
        }, allowedBytes: 512 * KiB, allowedMultiple: 48);
        Assert.IsGreaterThan(Fuzzing.Inputs / 3, result.Refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, result.Accepted);
    }

    [TestMethod]
    public void Config()
    {
        using var folder = new TemporaryFolder();
        string[] configs =
        [
            TestModels.Qwen3, TestModels.Gpt2, TestModels.Olmo2,
            """{"model_type": "llama", "vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}, "eos_token_id": [1, 2], "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"}""",
            """{"model_type": "phi3", "vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 64, "eos_token_id": 2, "pad_token_id": 2, "sliding_window": 6, "partial_rotary_factor": 0.5, "rope_scaling": {"type": "yarn", "factor": 2}}""",
            """{"model_type": "gemma3_text", "vocab_size": 19, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "head_dim": 8, "num_attention_heads": 4, "max_position_embeddings": 64, "sliding_window": 5, "final_logit_softcapping": 30, "layer_types": ["full_attention", "sliding_attention"], "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8}, "sliding_attention": {"rope_theta": 10000}}}""",
        ];
        byte[][] samples = [.. configs.Select(Encoding.UTF8.GetBytes)];
        var result = Fuzzing.Run("config", random => Mutation.Of(random, samples, hot: 0, isText: true), (bytes, _) =>
        {
            File.WriteAllBytes(folder["config.json"], bytes);
            var spec = Architectures.Read(folder.Path);
            Assert.IsGreaterThan(0, spec.Layers * (double)spec.HiddenSize);
        }, allowedBytes: 512 * KiB, allowedMultiple: 64);
        Assert.IsGreaterThan(Fuzzing.Inputs / 3, result.Refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, result.Accepted);
    }

    [TestMethod]
    public void TokenizerJson()
    {
        using var folder = new TemporaryFolder();
        const string added =
            """{"id":9,"content":"<e>","single_word":false,"lstrip":true,"rstrip":false,"normalized":false,"special":true}""";
        string[] files =
        [
            """{"version":"1.0","truncation":null,"padding":null,"added_tokens":[ADDED],"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]},"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<e>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<e>":{"id":"<e>","ids":[9],"tokens":["<e>"]}}},"decoder":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true},"model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":true,"vocab":{"a":0,"b":1,"ab":2,"Ġ":3,"Ġa":4,"1":5,"Ċ":6},"merges":[["a","b"],["Ġ","a"]]}}""",
            """{"version":"1.0","truncation":null,"padding":null,"added_tokens":[ADDED],"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},"pre_tokenizer":null,"post_processor":null,"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},"model":{"type":"BPE","dropout":null,"unk_token":"<u>","continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":true,"byte_fallback":true,"ignore_merges":false,"vocab":{"<u>":0,"<0x0A>":1,"▁":2,"a":3,"b":4,"ab":5,"▁ab":6,"<0x31>":7},"merges":["a b","▁ ab"]}}""",
            """{"version":"1.0","added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}]},"post_processor":null,"decoder":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},"model":{"type":"BPE","unk_token":"a","vocab":{"a":0,"▁":1,"▁a":2,"1":3},"merges":[["▁","a"]]}}""",
        ];
        byte[][] samples = [.. files.Select(file => Encoding.UTF8.GetBytes(file.Replace("ADDED", added)))];
        File.WriteAllText(folder["tokenizer_config.json"], """{"bos_token": null, "eos_token": null, "pad_token": null}""");
        foreach (var sample in samples)
        {
            File.WriteAllBytes(folder["tokenizer.json"], sample);
            Assert.IsNotEmpty(Tokenizer.Load(folder.Path).Encode("ab a1"));
        }
        var result = Fuzzing.Run("tokenizer.json", random => Mutation.Of(random, samples, hot: 0, isText: true), (bytes, _) =>
        {
            File.WriteAllBytes(folder["tokenizer.json"], bytes);
            var tokenizer = Tokenizer.Load(folder.Path);
            tokenizer.Decode(tokenizer.Encode("ab a1\n€ <e>", addSpecial: true));
        }, allowedBytes: 4096 * KiB, allowedMultiple: 256);
        Assert.IsGreaterThan(Fuzzing.Inputs / 3, result.Refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, result.Accepted);
    }

    [TestMethod]
    public void Onnx()
    {
        using var folder = new TemporaryFolder();
        var source = TestModels.Write(folder["model"], TestModels.Qwen3);
        ConverterRun.Done("convert", source, folder["onnx"], "--graphs", "decode");
        ConverterRun.Done("export", source, folder["small"], "--source", source, "--format", "onnx", "--int4");
        byte[][] samples =
        [
            File.ReadAllBytes(Path.Combine(folder["onnx"], "decode.onnx")),
            File.ReadAllBytes(Path.Combine(folder["small"], "decode.onnx")),
        ];
        var path = Path.Combine(folder["onnx"], "x.onnx");
        var result = Fuzzing.Run("onnx", random => Mutation.Of(random, samples, hot: 0, isText: false), (bytes, _) =>
        {
            File.WriteAllBytes(path, bytes);
            var summary = OnnxSummary.Read(path);
            Assert.IsGreaterThanOrEqualTo(summary.Operators.Count, summary.Nodes);
            OnnxFile.Load(path);
        }, allowedBytes: 2048 * KiB, allowedMultiple: 256);
        Assert.IsGreaterThan(Fuzzing.Inputs / 2, result.Refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 1000, result.Accepted);
    }

    [TestMethod]
    public void Llama2C()
    {
        using var folder = new TemporaryFolder();
        // Width 4, feed-forward 2, 1 layer, 2 heads, 1 of keys, vocabulary 5, length 3; then 4 * 5 + (8 + 16 + 2 * 8 + 16 + 24) + 4 + 6
        // numbers.
        byte[] model = [.. new[] { 4, 2, 1, 2, 1, 5, 3 }.SelectMany(BitConverter.GetBytes), .. new byte[4 * (20 + 80 + 4 + 6)]];
        byte[] tokenizer = [1, 0, 0, 0, .. new[] { "<unk>", "\n<s>\n", "\n</s>\n", "a", " a" }
            .SelectMany(text => (byte[])[0, 0, 0, 0, (byte)text.Length, 0, 0, 0, .. Encoding.UTF8.GetBytes(text)])];
        var (modelPath, tokenizerPath) = (folder["m.bin"], folder["t.bin"]);
        File.WriteAllBytes(modelPath, model);
        File.WriteAllBytes(tokenizerPath, tokenizer);
        Checkpoints.Llama2C.ToHuggingFace(modelPath, folder["good"], tokenizerPath);
        var result = Fuzzing.Run("llama2.c", random => random.Next(2) == 0
            ? [0, .. Mutation.Of(random, [model], hot: 28, isText: false)]
            : [1, .. Mutation.Of(random, [tokenizer], hot: 0, isText: false)], (bytes, _) =>
        {
            var isModel = bytes[0] == 0;
            File.WriteAllBytes(isModel ? modelPath : tokenizerPath, bytes[1..]);
            if (isModel)
                Checkpoints.Llama2C.Plan(modelPath);
            else
                Llama2CTokenizer.Write(tokenizerPath, 5);
        }, allowedBytes: 256 * KiB, allowedMultiple: 64);
        Assert.IsGreaterThan(Fuzzing.Inputs / 4, result.Refused);
        Assert.IsGreaterThan(Fuzzing.Inputs / 100, result.Accepted);
    }
}
