//! Devices of a Vulkan driver or of Metal, by wgpu.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuSetup, wgpu};

use super::adapter::{Adapter, AdapterKind};
use super::backend::Backend;

/// Bytes of a buffer that free memory is asked for with.
const PIECE: u64 = 1 << 30;
/// Percent of the memory that a driver says this process may take. What is beyond is refused with an error, instead of
/// being given at the cost of other programs.
const BUDGET: u8 = 95;

/// The driver of one graphics API.
pub(super) struct Driver {
    instance: wgpu::Instance,
    api: wgpu::Backend,
    adapters: Vec<wgpu::Adapter>,
}

/// A device that is open.
pub(super) struct Opened {
    pub(super) device: Device,
    wgpu: wgpu::Device,
}

pub(super) fn built_in(backend: Backend) -> Result<String, String> {
    let api = backend.described();
    if (backend == Backend::Metal) == cfg!(target_os = "macos") {
        Ok(format!("this build has {api} support"))
    } else {
        Err(format!("there is no {api} on this system"))
    }
}

impl Driver {
    /// Loads the driver; without adapters where there is none.
    pub(super) fn load(backend: Backend) -> Self {
        let api = if backend == Backend::Metal { wgpu::Backend::Metal } else { wgpu::Backend::Vulkan };
        let budget = wgpu::MemoryBudgetThresholds { for_resource_creation: Some(BUDGET), for_device_loss: None };
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: api.into(),
            flags: wgpu::InstanceFlags::empty(),
            memory_budget_thresholds: budget,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let adapters = now(instance.enumerate_adapters(api.into()));
        Self { instance, api, adapters }
    }

    /// What there is, in the driver's order.
    pub(super) fn adapters(&self) -> Vec<Adapter> {
        self.adapters.iter().map(describe).collect()
    }

    /// Opens the adapter in this place of [`Self::adapters`].
    ///
    /// # Errors
    /// The driver refuses, with its reason.
    pub(super) fn open(&self, place: usize) -> Result<Opened, String> {
        let adapter = &self.adapters[place];
        // CubeCL takes what the adapter has for what the device has, so all of it is asked for. Memory that the host sees
        // would slow down buffers of GPUs with memory of their own.
        let left_out = wgpu::Features::all_experimental_mask() | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        let opened = now(adapter.request_device(&wgpu::DeviceDescriptor {
            label: None,
            required_features: adapter.features().difference(left_out),
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            // CubeCL allocates in large pieces itself.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            trace: wgpu::Trace::Off,
        }));
        let (device, queue) = opened.map_err(|error| error.to_string())?;
        let setup = WgpuSetup {
            instance: self.instance.clone(),
            adapter: adapter.clone(),
            device: device.clone(),
            queue,
            backend: self.api,
        };
        let burn = Device::wgpu_options().setup(setup).init().map_err(|error| error.to_string())?;
        Ok(Opened { device: burn, wgpu: device })
    }
}

impl Opened {
    /// How many bytes the driver grants, up to `most`, in buffers of at most `largest` bytes. No API says what is free, so
    /// the memory is asked for, and given back at once.
    pub(super) fn granted(&self, most: u64, largest: u64) -> u64 {
        let piece = PIECE.min(largest) / wgpu::COPY_BUFFER_ALIGNMENT * wgpu::COPY_BUFFER_ALIGNMENT;
        let mut buffers = Vec::new();
        while piece > 0 && piece * (buffers.len() as u64) < most {
            let refusals = self.wgpu.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
            let buffer = self.wgpu.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: piece,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            if now(refusals.pop()).is_some() {
                break;
            }
            buffers.push(buffer);
        }
        let granted = piece * buffers.len() as u64;
        buffers.iter().for_each(wgpu::Buffer::destroy);
        // What is given back is free once the device has looked.
        let _ = self.wgpu.poll(wgpu::PollType::wait_indefinitely());
        granted
    }
}

fn describe(adapter: &wgpu::Adapter) -> Adapter {
    let (info, limits) = (adapter.get_info(), adapter.limits());
    Adapter {
        name: info.name,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Other,
        },
        has_f16: adapter.features().contains(wgpu::Features::SHADER_F16),
        largest_tensor: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
    }
}

/// The result of one of wgpu's futures, which wait for nothing outside browsers.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return result;
        }
        std::thread::yield_now();
    }
}
